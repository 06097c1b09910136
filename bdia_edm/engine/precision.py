"""The arithmetic of a run: chosen once, written into the record."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from bdia_edm.base.shared_setting import SharedSetting

__all__ = ["describe_precision", "full_precision"]


_Flag = tuple[Any, str, bool]


def _fix() -> list[_Flag]:
    fixed: list[_Flag] = [
        (torch.backends.cuda.matmul, "allow_tf32", False),
        (torch.backends.cudnn, "allow_tf32", False),
        (torch.backends.cudnn, "benchmark", False),
        (torch.backends.cudnn, "deterministic", True),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in fixed]
    _set(fixed)
    return before


def _set(flags: list[_Flag]) -> None:
    for owner, name, value in flags:
        setattr(owner, name, value)


full_precision = SharedSetting(_fix, _set)
"""Full float32 and repeatable kernels within: no TF32, no autotuning that could pick another kernel next time.

These are flags of the whole process; they are put back when nobody is within any more.
"""


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
