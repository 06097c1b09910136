"""The variance-preserving noise schedule sigma(t) = sqrt(exp(beta_d t²/2 + beta_min t) - 1), t from 1 to EPSILON_S.

It is one of the EDM paper's discretizations (Karras et al. 2022, Table 1), and the time that DEIS works in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bdia_edm.base.late_torch import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EPSILON_S", "Schedule", "fitted_betas", "vp_levels", "vp_schedule"]

EPSILON_S = 1e-3
"""The lowest time."""


class Schedule(NamedTuple):
    """sigma(t), its derivative by t, and its inverse."""

    sigma: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]


def vp_schedule(beta_d: float, beta_min: float) -> Schedule:
    """The schedule with these betas."""

    def sigma(t: Tensor) -> Tensor:
        return ((beta_d * t**2 / 2 + beta_min * t).exp() - 1).sqrt()

    def derivative(t: Tensor) -> Tensor:
        return (beta_min + beta_d * t) / 2 * (sigma(t) + 1 / sigma(t))

    def inverse(level: Tensor) -> Tensor:
        return ((beta_min**2 + 2 * beta_d * (level**2 + 1).log()).sqrt() - beta_min) / beta_d

    return Schedule(sigma, derivative, inverse)


def fitted_betas(low: float, high: float) -> tuple[float, float]:
    """beta_d and beta_min with sigma(EPSILON_S) = low and sigma(1) = high; beta_d <= 0: the range is too narrow."""
    beta_d = 2 * (math.log(low**2 + 1) / EPSILON_S - math.log(high**2 + 1)) / (EPSILON_S - 1)
    return beta_d, math.log(high**2 + 1) - beta_d / 2


def vp_levels(num_steps: int, vp: Schedule, rho: float = 1.0) -> Tensor:
    """sigma((1 + i/(N-1) (EPSILON_S^(1/rho) - 1))^rho), (num_steps,) float64 on the CPU; rho 1 is even in t."""
    i = torch.arange(num_steps, dtype=torch.float64, device="cpu")
    if rho == 1:
        return vp.sigma(1 + i / (num_steps - 1) * (EPSILON_S - 1))
    return vp.sigma((1 + i / (num_steps - 1) * (EPSILON_S ** (1 / rho) - 1)) ** rho)
