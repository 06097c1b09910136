"""Euler's method: DDIM (Song et al. 2021, arXiv 2010.02502) for states of scale 1.

    x_{i+1} = x_i + h d_i,  h = t_{i+1} - t_i,  d = (x - D(x; t))/t

With ``denoise_to_zero`` on EDM's time steps, the default, there are N steps and N evaluations; without it N - 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bdia_edm.samplers import integrators
from bdia_edm.samplers.denoising import Denoise, gradient
from bdia_edm.samplers.inversion import OneStepSampler
from bdia_edm.samplers.registry import SAMPLERS

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EulerSampler", "euler"]


def euler(denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
    """From t[0] to t[-1], the state (N, C, H, W) float64 after every step; an evaluation a step."""
    for t_i, t_next in pairwise(t):
        d = gradient(denoiser, x, t_i)
        x = x + (t_next - t_i) * d
        yield x


@SAMPLERS.add("euler")
@dataclass(frozen=True, kw_only=True)
class EulerSampler(OneStepSampler):
    """Euler's method: DDIM."""

    name = "euler"
    title = "Euler"

    @property
    def delta(self) -> integrators.Integrator:
        return integrators.euler

    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return euler(denoiser, x, t)
