"""Runs in processes of their own, watched and disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
# On one thread each, several workers do not disturb each other on a small machine; figures do not depend on it.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def command_line(name: str, *options: str, torchrun: int = 0) -> list[str]:
    start = [*TORCHRUN, str(torchrun)] if torchrun else [sys.executable]
    return [*start, "-m", f"bdia_edm.{name}", *options]


@contextmanager
def started(line: Sequence[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a session of its own; nothing of it is left when the test ends."""
    process = subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for pid in [process.pid, *descendants(process.pid)]:
            kill(pid)
        process.communicate()


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """The processes that ``pid`` started, and those they started."""
    return [found for child in children(pid) for found in (child, *descendants(child))]


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found


def workers_of(pid: int) -> list[int]:
    """The workers among the processes that a launcher started."""
    return [child for child in children(pid) if b"import_module(order" in read_command(child)]


def read_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 60) -> None:
    start = time.monotonic()
    while not condition():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"it ended too early: {process.communicate()}")
        assert time.monotonic() - start < seconds, "nothing happened"
        time.sleep(0.01)
