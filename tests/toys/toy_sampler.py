"""A sampler of the user's own: Euler's method that stops early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from bdia_edm.base.options import option
from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import EDMStepsSampler, Noise


@SAMPLERS.add("toy")
@dataclass(frozen=True, kw_only=True)
class ToySampler(EDMStepsSampler):
    """Euler's method, each step shortened."""

    name = "toy"
    title = "Toy"
    share: float = option(0.9, words="how much of each step is made", low=0, high=1)

    @property
    def columns(self) -> dict[str, str | float]:
        return {"share": self.share}

    def solve(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float], noise: Noise) -> Iterator[Tensor]:
        for t, t_next in pairwise(time_steps):
            x = x + self.share * (t_next - t) * gradient(denoiser, x, t)
            yield x
