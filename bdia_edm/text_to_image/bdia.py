"""BDIA-DDIM of latents, and its exact inverse (``bdia_step.py``); as published for text-to-image models.

z_{N-1} = Phi_{N->N-1}(z_N, e_N), DDIM's step, then BDIA's for i = N-1 to 1. The inverse, from z_0 and z_1, leads to the
pair z_N, z_{N-1}. One evaluation a step, guided two; from a pair the first step needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option, require
from bdia_edm.samplers.grid import snap
from bdia_edm.text_to_image.bdia_step import bdia_step, bdia_step_back, check_growth, grid_step, grid_step_back
from bdia_edm.text_to_image.method import METHODS, Usual
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level
from bdia_edm.text_to_image.two_step import TwoStepMethod

__all__ = ["BDIA", "bdia", "bdia_back"]

ARITHMETICS = ("float", "grid")


def bdia(
    eps: NoiseEstimate,
    z: Tensor,
    levels: Sequence[Level],
    *,
    gamma: float,
    on_grid: bool = False,
    second: Tensor | None = None,
) -> Iterator[Tensor]:
    """From z at levels[0] to the data, the latent after every step.

    Args:
        gamma: weight of the backward integration, from 0 to 1; 0 is DDIM.
        on_grid: with gamma 1 and float64 latents on the grid: the steps' inverse is exact to the bit.
        second: the latent at levels[1], where it is known; then the first step is not made.
    """
    older: tuple[Tensor, Level] | None = None
    for level, newer in pairwise(levels):
        if older is None and second is not None:
            z_next = second
        elif older is None:
            z_next = eps(z, level).at(newer)
            z_next = snap(z_next) if on_grid else z_next
        elif on_grid:
            z_next = grid_step(eps(z, level), *older, newer)
        else:
            z_next = bdia_step(eps(z, level), *older, newer, gamma)
        older, z = (z, level), z_next
        yield z


def bdia_back(
    eps: NoiseEstimate,
    z: Tensor,
    levels: Sequence[Level],
    *,
    gamma: float,
    on_grid: bool = False,
    second: Tensor | None = None,
) -> Iterator[Tensor]:
    """The exact inverse of ``bdia``, for rising levels; without ``second`` the first step is DDIM's, upwards."""
    newer: tuple[Tensor, Level] | None = None
    for level, older in pairwise(levels):
        if newer is None and second is not None:
            z_up = second
        elif newer is None:
            z_up = eps(z, level).at(older)
            z_up = snap(z_up) if on_grid else z_up
        elif on_grid:
            z_up = grid_step_back(eps(z, level), newer[0], older, newer[1])
        else:
            z_up = bdia_step_back(eps(z, level), newer[0], older, newer[1], gamma)
        newer, z = (z, level), z_up
        yield z


@METHODS.add("bdia")
@dataclass(frozen=True, kw_only=True)
class BDIA(TwoStepMethod):
    """BDIA-DDIM, exactly invertible."""

    name = "bdia"
    in_columns = ("gamma",)
    usual = Usual(num_steps=50, guidance=3.0, strength=0.8)
    gamma: float = option(
        0.94,
        words="weight of the backward integration; 0.92 to 1 to edit, any for sampling",
        low=0,
        high=1,
    )
    arithmetic: str = option(
        "float",
        words="grid keeps the states on multiples of 2^-40, so that at gamma 1 all of them come back bit for bit",
        one_of=ARITHMETICS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic == "grid" and self.gamma != 1:
            raise UserError(f"gamma={self.gamma:g}: must be 1 beside arithmetic=grid: others multiply the states")

    def check(self, levels: Sequence[Level], dtype: torch.dtype, guidance: float) -> None:
        super().check(levels, dtype, guidance)
        check_growth(self.gamma, len(levels) - 1, dtype)
        if self._on_grid:
            require(dtype == torch.float64, "state_dtype", dtype, "torch.float64 with arithmetic=grid")

    def place(self, z: Tensor) -> Tensor:
        return snap(z) if self._on_grid else z

    def solve(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None) -> Iterator[Tensor]:
        return bdia(eps, z, levels, gamma=self.gamma, on_grid=self._on_grid, second=second)

    def solve_back(
        self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None
    ) -> Iterator[Tensor]:
        return bdia_back(eps, z, levels, gamma=self.gamma, on_grid=self._on_grid, second=second)

    @property
    def _on_grid(self) -> bool:
        return self.arithmetic == "grid"
