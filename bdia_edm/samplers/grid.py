"""States on a grid of multiples of 2^-40: sums and differences of them are exact in float64, so steps can be undone.

A float64 holds every multiple of 2^-40 up to 2^13 exactly. Where a method only adds to and subtracts from its states,
and what it adds is rounded to the grid first, nothing is ever rounded again: going back gives the very bits, whatever
the precision of the network. Prior art for the idea: arXiv 2207.07695, 2407.09093.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdia_edm.base.late_torch import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LIMIT", "SPACING", "snap", "within"]

SPACING = 2.0**-40
LIMIT = 2.0**13
"""Beyond it two grid points can be closer than float64 tells apart."""


def snap(x: Tensor) -> Tensor:
    """The nearest points of the grid (ties to even), float64."""
    # Exact but for the rounding meant: a factor that is a power of two changes the exponent alone.
    return torch.round(x / SPACING) * SPACING


def within(x: Tensor) -> Tensor:
    """x, and NaN where it is beyond LIMIT: then the way back would not be exact, and the run ends as for any NaN."""
    return torch.where(x.abs() <= LIMIT, x, torch.nan)
