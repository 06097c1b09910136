"""N workers in processes on this machine, started, watched and started again by torch's elastic launcher.

A worker that dies takes the others with it and all are started again, a few times; they find what is finished on
disk. For an error that starting again does not mend, the workers end well and leave it as their outcome.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from bdia_edm.base.errors import UserError
from bdia_edm.base.signals import is_nohup

__all__ = ["MAX_RESTARTS", "launch"]

MAX_RESTARTS = 3
_LOGS = "torch.distributed.elastic"
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# A command, not a function: functions need the caller's main module to be importable, which a notebook's is not.
_START = (
    "import json, sys; order = json.load(open(sys.argv[1])); sys.path[:] = order['sys_path']; "
    "from importlib import import_module; import_module(order['program']).main(order['task'])"
)


def launch(program: str, task: dict[str, Any], num: int) -> dict[str, Any]:
    """Has ``num`` workers do a task; their own lines go to stderr.

    Args:
        program: the module, as "package.module", whose ``main`` each worker calls. It gets the task, and in it
            "launcher", this process's number, and "outcome", the path where the leader leaves a dict as JSON.
        task: what JSON can hold.
        num: how many.

    Returns:
        The outcome that the leader left.

    Raises:
        UserError: a worker died again and again, or none left an outcome.
    """
    with tempfile.TemporaryDirectory(prefix="bdia_edm-") as name:
        folder = Path(name)
        outcome, order = folder / "outcome.json", folder / "order.json"
        full_task = task | {"launcher": os.getpid(), "outcome": str(outcome)}
        order.write_text(json.dumps({"program": program, "sys_path": sys.path, "task": full_task}))
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=num,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=MAX_RESTARTS,
            monitor_interval=0.1,
            logs_specs=DefaultLogsSpecs(log_dir=str(folder / "logs")),
        )
        # Under nohup the launcher does not end with the terminal; earlier versions of PyTorch do not look there.
        config.signals_to_handle = ",".join(number.name for number in _HANDLED if not is_nohup(number))
        with _signals_passed_on(), _quiet_launcher():
            try:
                elastic_launch(config, sys.executable)("-c", _START, str(order))
            except ChildFailedError as error:
                raise UserError(_describe(*error.get_first_failure())) from error
        if not outcome.is_file():
            raise UserError("the workers ended without a result; what is finished is kept")
        result: dict[str, Any] = json.loads(outcome.read_text())
        return result


def _describe(rank: int, failure: ProcessFailure) -> str:
    code = failure.exitcode
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    return (
        f"the workers were started {MAX_RESTARTS + 1} times, and each time one died (at last worker {rank}, {how}); "
        "what is finished is kept, and the same command goes on from there"
    )


@contextmanager
def _signals_passed_on() -> Iterator[None]:
    """The launcher handles signals in its own way and ends its workers; then they are for who handled them before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _HANDLED if not is_nohup(number)}
    got: signal.Signals | None = None
    try:
        yield
    except SignalException as received:
        got = received.sigval
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if got is not None:
        signal.raise_signal(got)
        raise UserError(f"ended by {got.name}; what is finished is kept")


@contextmanager
def _quiet_launcher() -> Iterator[None]:
    """What torch's launcher logs about the workers, this program says itself, in a line."""
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith(_LOGS)]
    levels = [logger.level for logger in known]
    for logger in known:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(known, levels, strict=True):
            logger.setLevel(level)
