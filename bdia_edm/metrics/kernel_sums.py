"""Sums of a kernel over all pairs of rows, in float64, in memory for a block of pairs alone.

Blocks have a fixed size and are computed on one thread and added exactly, so the sums have the same bits anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.one_thread import one_thread

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Kernel", "PairSums", "pair_sums"]

Kernel = Callable[["Tensor", "Tensor"], "Tensor"]
"""Rows (n, F) and (m, F) float64 to k of each pair (n, m), symmetric in the two."""

_ROWS = 1024


class PairSums:
    """Sums of one kernel over the pairs within x, within y, and between the two.

    Attributes:
        num_x, num_y: rows N and M.
        xx, yy: over all ordered pairs of different rows, the N (N - 1) and M (M - 1).
        xx_same, yy_same: over the N and M pairs of a row with itself.
        xy: over all N M pairs.
    """

    def __init__(self, x: Tensor, y: Tensor, kernel: Kernel) -> None:
        self.num_x, self.num_y = len(x), len(y)
        self.xx, self.xx_same = _within(x, kernel)
        self.yy, self.yy_same = _within(y, kernel)
        self.xy = _sum_of_blocks([(a, b) for a in x.split(_ROWS) for b in y.split(_ROWS)], kernel)

    @property
    def unbiased(self) -> float:
        """The unbiased estimate of MMD² (Gretton et al. 2012, equation 3); may be negative."""
        within = self.xx / (self.num_x * (self.num_x - 1)) + self.yy / (self.num_y * (self.num_y - 1))
        return within - 2 * self.xy / (self.num_x * self.num_y)

    @property
    def biased(self) -> float:
        """The biased estimate of MMD² (equation 5), pairs of a row with itself included; never negative."""
        within = (self.xx + self.xx_same) / self.num_x**2 + (self.yy + self.yy_same) / self.num_y**2
        # Of equal sets rounding may leave less than nothing.
        return max(within - 2 * self.xy / (self.num_x * self.num_y), 0.0)


def pair_sums(x: NDArray[np.floating], y: NDArray[np.floating], kernel: Kernel) -> PairSums:
    """The sums for rows x (N, F) and y (M, F) of any float type.

    Raises:
        ValueError: there are fewer than two rows of one, or they are of different length.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(f"rows of shape {x.shape} and {y.shape}: must be two or more of the same length in each")
    with one_thread():
        # Copies: libraries may round unaligned memory differently. A block is float64 when it is its turn.
        return PairSums(torch.tensor(x), torch.tensor(y), kernel)


def _within(x: Tensor, kernel: Kernel) -> tuple[float, float]:
    """The sum over pairs of different rows, and that over rows with themselves."""
    blocks = x.split(_ROWS)
    twice = 2 * _sum_of_blocks([(a, b) for i, a in enumerate(blocks) for b in blocks[i + 1 :]], kernel)
    others, same = [], []
    for block in blocks:
        values = kernel(block.double(), block.double())
        same.append(float(values.diagonal().sum()))
        others.append(float(values.fill_diagonal_(0).sum()))
    return twice + math.fsum(others), math.fsum(same)


def _sum_of_blocks(pairs: Sequence[tuple[Tensor, Tensor]], kernel: Kernel) -> float:
    return math.fsum(float(kernel(a.double(), b.double()).sum()) for a, b in pairs)
