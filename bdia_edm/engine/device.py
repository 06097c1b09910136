"""Devices: where a process works, and what its memory holds."""

from __future__ import annotations

import os
import re

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import torch
from bdia_edm.base.launched import launch_number, launched_ranks
from bdia_edm.base.lines import printable
from bdia_edm.base.options import require

__all__ = ["choose_device", "says_out_of_memory", "share_cores"]

_OUT_OF_MEMORY = ("_ALLOC_FAILED", "DefaultCPUAllocator: can't allocate memory", "std::bad_alloc")


def choose_device(name: str) -> torch.device:
    """'auto', 'cpu', 'cuda' or 'cuda:N' to the device; auto is a GPU where there is one.

    GPUs are counted among those that CUDA_VISIBLE_DEVICES leaves. A process that was started as one of several on its
    machine (LOCAL_RANK) gets the GPU of its number.

    Raises:
        UserError: another name, or cuda where PyTorch finds none, or not enough of them.
    """
    kind, _, index = name.partition(":")
    known = re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", name) is not None
    require(known, "device", name, "one of auto, cpu, cuda, and cuda:N for the GPU of this number")
    found = torch.cuda.is_available()
    if kind == "cuda" and not found:
        raise UserError(
            f"device={name}: PyTorch finds no CUDA device here{_visible()}; device=cpu and device=auto work"
        )
    if not found or kind == "cpu":
        return torch.device("cpu")
    local, num = launch_number("LOCAL_RANK"), torch.cuda.device_count()
    if index and (launch_number("LOCAL_WORLD_SIZE") or 1) > 1:
        raise UserError(f"device={name}: each worker of this machine takes the GPU of its number; take device=cuda")
    if index:
        require(int(index) < num, "device", name, f"below cuda:{num}; PyTorch finds {num} here{_visible()}")
        return torch.device("cuda", int(index))
    if local is None:
        if launched_ranks() is not None:
            raise UserError(f"device={name}: LOCAL_RANK must say which GPU a worker has; torchrun sets it")
        return torch.device("cuda")
    if local >= num:
        raise UserError(
            f"device={name}: worker {local + 1} of this machine has no GPU; PyTorch finds {num}{_visible()}; where "
            "each worker sees its own alone, set LOCAL_RANK=0"
        )
    return torch.device("cuda", local)


def _visible() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" (CUDA_VISIBLE_DEVICES={printable(visible)})"


def share_cores(processes: int) -> None:
    """Gives this process its part of the machine's cores, of so many processes; OMP_NUM_THREADS goes first.

    The number of threads is the whole process's; only processes that were started to be workers come here.
    """
    if not os.environ.get("OMP_NUM_THREADS"):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(cores // processes, 1))


def says_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's memory does not hold what was asked of it.

    CUDA's libraries and the CPU's allocator have words of their own for it, in errors of no type of their own.
    """
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )
