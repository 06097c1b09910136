"""EDICT (Wallace, Gokul, Naik 2023, arXiv 2211.12446): two coupled states x, y, exactly invertible.

    X = x + h d(y, t_i),  Y = y + h d(k X, t_i),  h = t_{i+1} - t_i
    x' = p X + (1 - p) Y,  y' = p Y + (1 - p) x'

Both evaluations of a step are at t_i; x = y at the start, the image is x. X has the scale of t_{i+1} and is handed to
the network at t_i: k = 1 for states of scale 1 (``scaling`` none), sqrt((1 + t_i²)/(1 + t_{i+1}²)) for variance
preserving ones (vp), as it was published. Backwards:

    Y = (y' - (1 - p) x')/p,  X = (x' - (1 - p) Y)/p,  y = Y - h d(k X, t_i),  x = X - h d(y, t_i)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bdia_edm.base.late_torch import torch
from bdia_edm.base.options import option
from bdia_edm.samplers.denoising import BatchDenoiser, Denoise, gradient
from bdia_edm.samplers.inversion import CoupledSampler
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import Noise
from bdia_edm.samplers.scaling import scale_ratio, scaling_option

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EDICTSampler", "edict", "edict_back"]


def edict(
    denoiser: Denoise, x: Tensor, y: Tensor, t: Sequence[float], *, p: float, scaling: str = "none"
) -> Iterator[Tensor]:
    """From t[0] to t[-1], the pair (2, N, C, H, W) float64, x and y, after every step; two evaluations a step."""
    for t_i, t_next in pairwise(t):
        h, k = t_next - t_i, scale_ratio(scaling, t_next, t_i)
        X = x + h * gradient(denoiser, y, t_i)
        Y = y + h * gradient(denoiser, k * X, t_i)
        x = p * X + (1 - p) * Y
        y = p * Y + (1 - p) * x
        yield torch.stack([x, y])


def edict_back(
    denoiser: Denoise, x: Tensor, y: Tensor, t: Sequence[float], *, p: float, scaling: str = "none"
) -> Iterator[Tensor]:
    """The inverse of ``edict``, for rising levels."""
    for t_next, t_i in pairwise(t):
        h, k = t_next - t_i, scale_ratio(scaling, t_next, t_i)
        Y = (y - (1 - p) * x) / p
        X = (x - (1 - p) * Y) / p
        y = Y - h * gradient(denoiser, k * X, t_i)
        x = X - h * gradient(denoiser, y, t_i)
        yield torch.stack([x, y])


@SAMPLERS.add("edict")
@dataclass(frozen=True, kw_only=True)
class EDICTSampler(CoupledSampler):
    """EDICT, exactly invertible."""

    name = "edict"
    title = "EDICT"
    grows_below = "p"
    scaling: str = scaling_option()
    # At 0 the inverse divides by it; below a half it is the other state that is kept.
    p: float = option(0.93, words="weight of a state of its own in the mix of the two", low=0.5, high=1)

    @property
    def growth(self) -> float:
        # The mix leaves what the states share and multiplies what they differ by by p²: its determinant.
        return self.p**-2

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        t = [*self.levels(denoiser), 0.0]
        return self.pairs(self.solve, denoiser, latents.to(torch.float64) * t[0], t)

    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return edict(denoiser, x, x if partner is None else partner, t, p=self.p, scaling=self.scaling)

    def solve_back(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return edict_back(denoiser, x, x if partner is None else partner, t, p=self.p, scaling=self.scaling)
