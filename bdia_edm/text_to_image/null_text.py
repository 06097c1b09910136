"""Null-text inversion (Mokady et al. 2022, arXiv 2211.09794).

1. The pivot z*_0 ... z*_N: DDIM inversion with the source prompt alone.
2. From z*_N down: at every step the embedding u of the empty prompt is moved, by Adam, until the guided DDIM step leads
   to the pivot's next state; the step with that u is then taken. Kept are z*_N and the u of every step.

It is not exact, and the guidance must be the same in both ways. The only method here that needs gradients: up to 10 a
step, and 13 evaluations beside the pivot's one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from bdia_edm.base.options import option, require
from bdia_edm.text_to_image.ddim import ddim_back
from bdia_edm.text_to_image.method import METHODS, Kept, Method, Usual
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level, predict

__all__ = ["NullText", "Optimised", "learning_rate", "null_text", "with_negatives"]

_RATE = 0.01
_STEPS = 100
"""The learning rate falls to 0 at this step, or at the run's last where there are more."""
_LOOSER = 2e-5
"""What a step adds to the loss that ends its optimisation."""


class Optimised(NamedTuple):
    """What a step found: u (1, L, C), the losses on the way, and the latent after it."""

    u: Tensor
    losses: list[float]
    z: Tensor


def null_text(
    eps: NoiseEstimate, pivot: Sequence[Tensor], levels: Sequence[Level], *, inner_steps: int, early_stop: float
) -> Iterator[Optimised]:
    """The optimisation, step by step from levels[0] to the data.

    Args:
        eps: guided, of one latent.
        pivot: z*_N to z*_0.
        inner_steps: of Adam, at most, per step.
        early_stop: the loss that ends the first step's.
    """
    z, u = pivot[0], eps.negative.embeddings.to(pivot[0].dtype)
    num_steps = len(levels) - 1
    with _frozen(eps.unet):
        for n, (level, newer) in enumerate(pairwise(levels)):
            u = u.clone().requires_grad_()
            adam = torch.optim.Adam([u], lr=learning_rate(n, num_steps))
            out_c = eps.evaluate(z, level.time, eps.prompt)
            losses: list[float] = []
            while len(losses) < inner_steps:
                with torch.enable_grad():
                    out_u = eps.evaluate(z, level.time, eps.negative._replace(embeddings=u))
                    out = out_u + eps.guidance * (out_c - out_u)
                    loss = mse_loss(predict(out, z, level, eps.prediction_type).at(newer), pivot[n + 1])
                    (u.grad,) = torch.autograd.grad(loss, u)
                eps.gradients += 1
                adam.step()
                losses.append(loss.item())
                if losses[-1] < early_stop + _LOOSER * n:
                    break
            u = u.detach()
            z = eps(z, level, negative=eps.negative._replace(embeddings=u)).at(newer)
            yield Optimised(u, losses, z)


def learning_rate(n: int, num_steps: int) -> float:
    """Adam's at step n of num_steps, from 0: it falls linearly."""
    return _RATE * (1 - n / max(_STEPS, num_steps))


def with_negatives(eps: NoiseEstimate, z: Tensor, negatives: Tensor, levels: Sequence[Level]) -> Iterator[Tensor]:
    """DDIM guided away from another embedding at every step; negatives (N, L, C)."""
    for u, (level, newer) in zip(negatives, pairwise(levels), strict=True):
        z = eps(z, level, negative=eps.negative._replace(embeddings=u[None])).at(newer)
        yield z


@contextmanager
def _frozen(unet: Any) -> Iterator[None]:
    """Without gradients of the network's weights, which nobody asks for: a good part of the memory."""
    moved = [weight for weight in unet.parameters() if weight.requires_grad]
    for weight in moved:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in moved:
            weight.requires_grad_(True)


@METHODS.add("null_text")
@dataclass(frozen=True, kw_only=True)
class NullText(Method):
    """Null-text inversion: DDIM led back to its pivot."""

    name = "null_text"
    exact = False
    pairs = False
    samples = False
    negative = "kept"
    usual = Usual(num_steps=50, guidance=7.5, strength=1.0)
    inner_steps: int = option(10, words="steps of Adam for every step of the sampler, at most", low=1, high=1000)
    early_stop: float = option(1e-5, words="the loss at which they end sooner", low=0, high=1e9)

    def check(self, levels: Sequence[Level], dtype: torch.dtype, guidance: float) -> None:
        require(guidance != 1, "guidance_scale", guidance, "other than 1: there is no null text without guidance")

    def invert(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None = None) -> Kept:
        pivot = [z, *ddim_back(eps, z, levels[::-1], guided=False)][::-1]
        found = null_text(eps, pivot, levels, inner_steps=self.inner_steps, early_stop=self.early_stop)
        return Kept(pivot[0][None], torch.cat([each.u for each in found]))

    def forward(self, eps: NoiseEstimate, kept: Kept, levels: Sequence[Level]) -> Iterator[Tensor]:
        assert kept.negatives is not None
        for z in with_negatives(eps, kept.states[0], kept.negatives, levels):
            yield z[None]
