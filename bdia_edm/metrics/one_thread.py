"""Linear algebra whose last bits do not depend on the number of threads.

Libraries split a product or a decomposition by the number of threads and so round differently. Figures that must be
the same for one worker with all cores and for eight with one core each are computed on one thread.
"""

from __future__ import annotations

from bdia_edm.base.late_torch import torch
from bdia_edm.base.shared_setting import SharedSetting

__all__ = ["one_thread"]


def _take_one() -> int:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    return before


def _give_back(before: int) -> None:
    torch.set_num_threads(before)


one_thread = SharedSetting(_take_one, _give_back)
"""PyTorch's CPU arithmetic on one thread within."""
