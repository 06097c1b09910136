"""DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927, Algorithm 1), in EDM's noise levels.

The middle of a step lies at s = t_{i+1}^r t_i^(1-r), a share r of it in lambda = -ln t:

    y = x_i + (s - t_i) d_i,  x_{i+1} = x_i + h (d(y, s)/(2r) + (1 - 1/(2r)) d_i),  h = t_{i+1} - t_i

r = 1 is Heun's method. Two evaluations a step; order 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bdia_edm.base.options import option
from bdia_edm.samplers.denoising import Denoise, gradient
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.scheduled import ODESampler

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DPMSampler", "dpm"]


def dpm(denoiser: Denoise, x: Tensor, t: Sequence[float], *, r: float = 0.5) -> Iterator[Tensor]:
    """From t[0] to t[-1], the state (N, C, H, W) float64 after every step; two evaluations a step."""
    for t_i, t_next in pairwise(t):
        d = gradient(denoiser, x, t_i)
        s = t_next**r * t_i ** (1 - r)
        y = x + (s - t_i) * d
        x = x + (t_next - t_i) * (gradient(denoiser, y, s) / (2 * r) + (1 - 1 / (2 * r)) * d)
        yield x


@SAMPLERS.add("dpm")
@dataclass(frozen=True, kw_only=True)
class DPMSampler(ODESampler):
    """DPM-Solver-2."""

    name = "dpm"
    title = "DPM-Solver-2"
    # Below that the two gradients differ by little, and their difference is multiplied by 1/(2r).
    r: float = option(0.5, words="share of a step, in ln t, at which its middle lies; 1 is Heun", low=0.01, high=1)

    def solve(self, denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
        return dpm(denoiser, x, t, r=self.r)
