"""The arithmetic of a run: chosen once, written into the record."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

__all__ = ["describe_precision", "full_precision"]


_Flag = tuple[Any, str, bool]


def _flags() -> list[_Flag]:
    return [
        (torch.backends.cuda.matmul, "allow_tf32", False),
        (torch.backends.cudnn, "allow_tf32", False),
        (torch.backends.cudnn, "benchmark", False),
        (torch.backends.cudnn, "deterministic", True),
    ]


class _FullPrecision:
    """Counts who is within, so that of threads that overlap only the last one out puts the flags back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._before: list[_Flag] = []

    def enter(self) -> None:
        with self._lock:
            if not self._within:
                self._before = [(owner, name, getattr(owner, name)) for owner, name, _ in _flags()]
                _set(_flags())
            self._within += 1

    def leave(self) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                _set(self._before)


def _set(flags: list[_Flag]) -> None:
    for owner, name, value in flags:
        setattr(owner, name, value)


_FULL = _FullPrecision()


@contextmanager
def full_precision() -> Iterator[None]:
    """Full float32 and repeatable kernels within: no TF32, no autotuning that could pick another kernel next time.

    These are flags of the whole process; they are put back when nobody is within any more.
    """
    _FULL.enter()
    try:
        yield
    finally:
        _FULL.leave()


def describe_precision(denoiser: object, device: torch.device) -> dict[str, Any]:
    """What the images' last bits depend on beside the config; of a denoiser without tensors its own is unknown."""
    half = getattr(denoiser, "use_fp16", False) and device.type == "cuda"
    tensors = itertools.chain(denoiser.parameters(), denoiser.buffers()) if isinstance(denoiser, nn.Module) else ()
    stored = next((str(tensor.dtype).removeprefix("torch.") for tensor in tensors), "unknown")
    return {
        "activations": "float16" if half else stored,
        "state": "float64",
        "tf32": torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32,
        "deterministic": torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark,
        "threads": torch.get_num_threads(),
    }
