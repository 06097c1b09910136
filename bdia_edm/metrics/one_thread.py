"""Linear algebra whose last bits do not depend on the number of threads.

Libraries split a product or a decomposition by the number of threads and so round differently. Figures that must be
the same for one worker with all cores and for eight with one core each are computed on one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch's CPU arithmetic on one thread within."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
