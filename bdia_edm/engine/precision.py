"""The arithmetic of a run: chosen once, written into the record."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from bdia_edm.errors import UserError
from bdia_edm.options import require

__all__ = ["choose_device", "describe_precision", "fix_precision"]


def choose_device(name: str) -> torch.device:
    """'auto', 'cpu' or 'cuda' to the device; auto is a GPU where there is one.

    Raises:
        UserError: another name, or cuda where PyTorch finds none.
    """
    require(name in ("auto", "cpu", "cuda"), "device", name, "one of auto, cpu, cuda")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise UserError("device=cuda: PyTorch finds no CUDA device here; device=cpu and device=auto work")
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def fix_precision() -> None:
    """Full float32 and repeatable kernels: no TF32, no autotuning that could pick another kernel next time."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def describe_precision(denoiser: nn.Module, device: torch.device) -> dict[str, Any]:
    """What the images' last bits depend on beside the config."""
    half = getattr(denoiser, "use_fp16", False) and device.type == "cuda"
    stored = next(itertools.chain(denoiser.parameters(), denoiser.buffers())).dtype
    return {
        "activations": "float16" if half else str(stored).removeprefix("torch."),
        "state": "float64",
        "tf32": torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32,
        "deterministic": torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark,
        "threads": torch.get_num_threads(),
    }
