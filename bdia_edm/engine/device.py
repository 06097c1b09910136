"""What a device says."""

from __future__ import annotations

import torch

__all__ = ["says_out_of_memory"]


def says_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's memory does not hold what was asked of it.

    CUDA's libraries have words of their own for it, in errors of no type of their own.
    """
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "_ALLOC_FAILED" in str(error)
    )
