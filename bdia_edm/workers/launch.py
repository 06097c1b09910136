"""workers=N: N processes on this machine, started, watched and started again by torch's elastic launcher.

A worker that dies takes the others with it and all are started again, a few times; they find what is finished on
disk. An error that is the user's ends the run instead: the workers end well and leave it as their outcome.
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
from bdia_edm.records.record import Record

__all__ = ["MAX_RESTARTS", "launch"]

MAX_RESTARTS = 3
_LOGS = "torch.distributed.elastic"
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# A command, not a function: functions need the caller's main module to be importable, which a notebook's is not.
_PROGRAM = (
    "import json, sys; task = json.load(open(sys.argv[1])); sys.path[:] = task['sys_path']; "
    "from bdia_edm.run.worker_process import main; main(task)"
)


def launch(source: dict[str, Any], command: str, num: int) -> Record:
    """Has ``num`` workers do a run whose folder the caller has locked; their own lines go to stderr.

    Args:
        source: the run's config as plain values.
        command: what the user typed.

    Returns:
        The record.

    Raises:
        UserError: as ``Run.finish``; or a worker died again and again.
    """
    with tempfile.TemporaryDirectory(prefix="bdia_edm-") as name:
        folder = Path(name)
        outcome, task = folder / "outcome.json", folder / "task.json"
        said = {"config": source, "command": command, "outcome": str(outcome)}
        task.write_text(json.dumps(said | {"sys_path": sys.path, "launcher": os.getpid()}))
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
        with _signals_passed_on(), _quiet_launcher():
            try:
                elastic_launch(config, sys.executable)("-c", _PROGRAM, str(task))
            except ChildFailedError as error:
                raise UserError(_describe(*error.get_first_failure())) from error
        if not outcome.is_file():
            raise UserError("the workers ended without a result; what is finished is kept")
        result = json.loads(outcome.read_text())
    if "error" in result:
        raise UserError(result["error"])
    record: Record = result["record"]
    return record


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
    before = {number: signal.getsignal(number) for number in _HANDLED}
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
