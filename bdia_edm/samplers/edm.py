"""The EDM sampler: Karras et al. 2022 (arXiv 2206.00364), Algorithm 2; without churn it is Algorithm 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bdia_edm.base.late_torch import torch
from bdia_edm.samplers.churn import ChurnSampler
from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.integrators import heun
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import EDMStepsSampler, Noise

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["EDMSampler", "Raised", "edm"]

Raised = tuple[float, float]
"""The raised level t_hat_i that a step starts from, and the deviation of the noise that leads there."""


def edm(
    denoiser: BatchDenoiser,
    x: Tensor,
    time_steps: Sequence[float],
    *,
    raised: Sequence[Raised] | None = None,
    noise: Noise | None = None,
) -> Iterator[Tensor]:
    """Heun's method from time_steps[0] to 0, the state after every step; 2N - 1 evaluations.

    Args:
        x: the state at time_steps[0], (N, C, H, W) float64.
        time_steps: t_0 > ... > t_N = 0.
        raised: the churn of every step, N pairs; then ``noise`` is drawn at every step. None is deterministic.
    """
    for i, (t, t_next) in enumerate(pairwise(time_steps)):
        t_hat = t
        if raised is not None:
            assert noise is not None
            t_hat, spread = raised[i]
            x = x + spread * noise()
        d = gradient(denoiser, x, t_hat)
        x = x + heun(denoiser, x, d, t_hat, t_next)
        yield x


@SAMPLERS.add("edm")
@dataclass(frozen=True, kw_only=True)
class EDMSampler(ChurnSampler, EDMStepsSampler):
    """EDM's Heun sampler with churn."""

    name = "edm"
    title = "EDM"

    @property
    def is_baseline(self) -> bool:
        return self.label == self.name

    def solve(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float], noise: Noise) -> Iterator[Tensor]:
        raised = [self._raise(denoiser, t) for t in time_steps[:-1]] if self.S_churn > 0 else None
        return edm(denoiser, x, time_steps, raised=raised, noise=noise)

    def _raise(self, denoiser: BatchDenoiser, level: float) -> Raised:
        t = torch.tensor(level, dtype=torch.float64, device="cpu")
        t_hat = denoiser.round_sigma(t + self.churn(level) * t)
        # A network of discrete levels may round t_hat to below t.
        spread = (t_hat**2 - t**2).clip(min=0).sqrt() * self.S_noise
        return t_hat.item(), spread.item()
