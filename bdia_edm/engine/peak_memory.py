"""The most memory that a piece of work took."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

__all__ = ["PeakMemory", "peak_memory"]

_STATUS = Path("/proc/self/status")
_FORGET = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


class PeakMemory:
    """What ``peak_memory`` finds.

    Attributes:
        bytes: on a GPU the most that PyTorch had allocated there, weights included; on a CPU by how much the process's
            resident memory grew at most.
    """

    bytes: int = 0


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """The most memory that what is done within takes; known when it is done."""
    found = PeakMemory()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield found
        found.bytes = torch.cuda.max_memory_allocated(device)
        return
    # Linux forgets the peak of a process when it is told to; elsewhere it is that of the process's whole life.
    with suppress(OSError):
        _FORGET.write_text(_RESET_PEAK)
    before = _resident()
    yield found
    found.bytes = max(_peak() - before, 0)


def _resident() -> int:
    return _in_status("VmRSS") or _peak()


def _peak() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _in_status("VmHWM") or usage * (1 if sys.platform == "darwin" else 1024)


def _in_status(name: str) -> int:
    """A line of the process's status in bytes; 0 where the system keeps none."""
    with suppress(OSError):
        line = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        return int(line[1]) * 1024 if line else 0
    return 0
