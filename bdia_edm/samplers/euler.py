"""Euler's method on EDM's time steps: DDIM (Song et al. 2021, arXiv 2010.02502) for states of scale 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import EDMStepsSampler, Noise

__all__ = ["EulerSampler", "euler"]


def euler(denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float]) -> Iterator[Tensor]:
    """From time_steps[0] to 0, the state (N, C, H, W) float64 after every step; N evaluations."""
    for t, t_next in pairwise(time_steps):
        d = gradient(denoiser, x, t)
        x = x + (t_next - t) * d
        yield x


@SAMPLERS.add("euler")
@dataclass(frozen=True, kw_only=True)
class EulerSampler(EDMStepsSampler):
    """Euler's method: DDIM."""

    name = "euler"
    title = "Euler"

    def solve(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float], noise: Noise) -> Iterator[Tensor]:
        return euler(denoiser, x, time_steps)
