"""BDIA's step for latents, and its inverse (Zhang, Lewis, Kleijn 2023, arXiv 2307.10829). The index falls with time.

    z_{i-1} = Phi_{i->i-1}(z_i, e_i) + gamma [z_{i+1} - Phi_{i->i+1}(z_i, e_i)]
    z_{i+1} = Phi_{i->i+1}(z_i, e_i) + [z_{i-1} - Phi_{i->i-1}(z_i, e_i)]/gamma

It is samplers/bdia.py's formula, in latents of DDIM's scale (there: integrator euler, scaling vp).

The inverse divides by gamma: rounding, and what the first step was off, grow by 1/gamma a step. At gamma 1 the step
only adds: z_{i-1} = z_{i+1} + d(z_i). With all states and d on a grid (samplers/grid.py) nothing is rounded, and each
way undoes the other bit for bit; all it needs is a network that answers the same latent with the same bits.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.samplers.grid import snap, within
from bdia_edm.text_to_image.prediction import Level, Prediction

__all__ = ["bdia_step", "bdia_step_back", "check_growth", "grid_step", "grid_step_back"]

_STEADY = 0.9
_MOST = 1e-2


def bdia_step(now: Prediction, z_older: Tensor, older: Level, newer: Level, gamma: float) -> Tensor:
    """z_{i-1} at the level ``newer``; ``now`` is of z_i, ``z_older`` is z_{i+1}."""
    return now.at(newer) + gamma * (z_older - now.at(older))


def bdia_step_back(now: Prediction, z_newer: Tensor, older: Level, newer: Level, gamma: float) -> Tensor:
    """z_{i+1} at the level ``older``; ``now`` is of z_i, ``z_newer`` is z_{i-1}."""
    return now.at(older) + (z_newer - now.at(newer)) / gamma


def grid_step(now: Prediction, z_older: Tensor, older: Level, newer: Level) -> Tensor:
    """``bdia_step`` with gamma 1 on the grid, of float64 states; NaN where a state leaves the grid's range."""
    return within(z_older + snap(now.at(newer) - now.at(older)))


def grid_step_back(now: Prediction, z_newer: Tensor, older: Level, newer: Level) -> Tensor:
    """The exact inverse of ``grid_step``."""
    return within(z_newer - snap(now.at(newer) - now.at(older)))


def check_growth(gamma: float, num_steps: int, dtype: torch.dtype) -> None:
    """Looks at what an inversion of ``num_steps`` steps makes of the rounding of states of type ``dtype``.

    Warns below gamma 0.9, where the latents leave the range of noise (of deviation 26 instead of 1 with gamma 0.5 and
    10 steps on a small model).

    Raises:
        UserError: gamma is 0, or gamma^-(num_steps - 1) times the unit roundoff is over 0.01.
    """
    if gamma == 0:
        raise UserError("gamma=0: DDIM, which has no exact inverse; must be above 0 to invert, and best from 0.9 to 1")
    unit, name = torch.finfo(dtype).eps / 2, str(dtype).removeprefix("torch.")
    grown = math.log10(unit) - (num_steps - 1) * math.log10(gamma)
    if grown > math.log10(_MOST):
        safe = (unit / _MOST) ** (1 / (num_steps - 1))
        raise UserError(
            f"gamma={gamma:g}: {num_steps} steps of the inverse let the rounding of {name} "
            f"grow to 10^{grown:.1f}; must be above {safe:.3g} with so many, and best from 0.9 to 1"
        )
    if gamma < _STEADY:
        warnings.warn(
            f"gamma={gamma:g}: the inverse divides by it at every step, and its latents leave the range of noise; "
            "best from 0.9 to 1 to invert (lower ones are for sampling)",
            stacklevel=3,
        )
