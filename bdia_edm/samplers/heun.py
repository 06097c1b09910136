"""Heun's method in every step: EDM's sampler without churn (Karras et al. 2022, arXiv 2206.00364, Algorithm 1).

    y = x_i + h d_i,  x_{i+1} = x_i + h (d_i + d(y, t_{i+1}))/2,  h = t_{i+1} - t_i,  d = (x - D(x; t))/t

With ``denoise_to_zero`` on EDM's time steps, the default, it is that algorithm bit for bit, 2N - 1 evaluations; without
it, 2N - 2, it ends at t_{N-1} as the published tables of fast solvers have it. Order 2.
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

__all__ = ["HeunSampler", "heun"]


def heun(denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
    """From t[0] to t[-1], the state (N, C, H, W) float64 after every step; two evaluations a step."""
    for t_i, t_next in pairwise(t):
        d = gradient(denoiser, x, t_i)
        x = x + integrators.heun(denoiser, x, d, t_i, t_next)
        yield x


@SAMPLERS.add("heun")
@dataclass(frozen=True, kw_only=True)
class HeunSampler(OneStepSampler):
    """Heun's method: EDM's sampler without churn."""

    name = "heun"
    title = "Heun"

    @property
    def delta(self) -> integrators.Integrator:
        return integrators.heun

    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return heun(denoiser, x, t)
