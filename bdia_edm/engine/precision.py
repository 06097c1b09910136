"""The arithmetic of a run: chosen once, written into the record."""

from __future__ import annotations

import itertools
import os
from typing import Any

import torch
from torch import nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import require

__all__ = ["choose_device", "describe_precision", "fix_precision", "share_cores"]


def choose_device(name: str) -> torch.device:
    """'auto', 'cpu' or 'cuda' to the device; auto is a GPU where there is one.

    A process that was started as one of several on its machine (LOCAL_RANK) gets the GPU of its number.

    Raises:
        UserError: another name, or cuda where PyTorch finds none, or not enough of them.
    """
    require(name in ("auto", "cpu", "cuda"), "device", name, "one of auto, cpu, cuda")
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise UserError("device=cuda: PyTorch finds no CUDA device here; device=cpu and device=auto work")
    if not found or name == "cpu":
        return torch.device("cpu")
    if not os.environ.get("LOCAL_RANK"):
        if os.environ.get("RANK"):
            raise UserError(f"device={name}: LOCAL_RANK must say which GPU a worker has; torchrun sets it")
        return torch.device("cuda")
    local, num = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= num:
        raise UserError(f"device={name}: worker {local + 1} of this machine has no GPU; PyTorch finds {num}")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def share_cores(processes: int) -> None:
    """Gives this process its part of the machine's cores, of so many processes; OMP_NUM_THREADS goes first."""
    if not os.environ.get("OMP_NUM_THREADS"):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(cores // processes, 1))


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
