"""Seconds, processor seconds and the peak of memory of a piece of work; several of them in turns.

The machine's speed drifts, by its clock and by whoever works beside: what is to be compared is measured in turns, round
after round, and compared within a round.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch

__all__ = ["ROOT", "Took", "Work", "clocked", "in_turns", "process", "steady", "synchronize"]

ROOT = Path(__file__).parents[2]
"""The checkout, where commands are started."""
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK_AGAIN = "5"
_LEAST = 0.3


class Took(NamedTuple):
    """What a piece of work took.

    Attributes:
        wall: seconds by the clock on the wall.
        cpu: seconds of all processors, the system's own included.
        peak: the most memory meanwhile, in MB: of a GPU what PyTorch took of it, else what the process held; NaN where
            the system does not say it.
    """

    wall: float
    cpu: float
    peak: float


Work = Callable[[], Took]


def synchronize(device: torch.device) -> None:
    """Waits until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def clocked(work: Callable[[], object], device: torch.device, times: int = 1) -> Took:
    """What ``work`` takes, once; measured over so many times."""
    _reset_peak(device)
    synchronize(device)
    cpu, start = _cpu_seconds(), time.perf_counter()
    for _ in range(times):
        work()
    synchronize(device)
    wall = time.perf_counter() - start
    return Took(wall / times, (_cpu_seconds() - cpu) / times, _peak(device))


def steady(work: Callable[[], object], device: torch.device) -> Work:
    """``work``, as often at a time as takes ``_LEAST`` seconds: a clock and a GPU's queue are too coarse for less.

    The first time is not to be counted: how often is found out then.
    """
    times = 0

    def measured() -> Took:
        nonlocal times
        if times:
            return clocked(work, device, times)
        took = clocked(work, device)
        if took.wall < 2 * _LEAST:  # it may have been the first time of all that this is done
            took = clocked(work, device)
        times = max(1, round(_LEAST / max(took.wall, 1e-6)))
        return took

    return measured


def process(*arguments: str) -> Took:
    """What python with these arguments takes, in a process of its own in the checkout.

    Raises:
        RuntimeError: it fails.
    """
    start = time.perf_counter()
    line = [sys.executable, *arguments]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        # Waited for here, so Popen has nothing left to wait for.
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(line)}: exit status {child.returncode}: {said.decode(errors='replace')[-500:]}")
    return Took(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(works: Mapping[str, Work], repeats: int, warm: Collection[str] | None = None) -> dict[str, list[Took]]:
    """Each work ``repeats`` times, in turns, every second round backwards.

    Args:
        warm: those that are done once before, uncounted, as what is done at first only is no part of a speed; None:
            all.
    """
    for name, work in works.items():
        if warm is None or name in warm:
            work()
    found: dict[str, list[Took]] = {name: [] for name in works}
    names: Sequence[str] = list(works)
    for _ in range(repeats):
        for name in names:
            found[name].append(works[name]())
        names = names[::-1]
    return found


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        _CLEAR.write_text(_PEAK_AGAIN)


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        if found:
            return int(found[1]) * 1024 / 1e6
    return float("nan")
