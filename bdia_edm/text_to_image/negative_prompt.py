"""Negative-prompt inversion (Miyake et al. 2023, arXiv 2305.16807): null-text inversion without the optimisation.

The pivot is null-text inversion's; the way forward is guided away from the source prompt instead of an optimised null
text. With the source prompt itself guidance cancels, and one evaluation a step is enough. It is not exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from bdia_edm.text_to_image.ddim import ddim, ddim_back
from bdia_edm.text_to_image.method import METHODS, Kept, Method, Usual, last
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level

__all__ = ["NegativePrompt"]


@METHODS.add("negative_prompt")
@dataclass(frozen=True, kw_only=True)
class NegativePrompt(Method):
    """Negative-prompt inversion."""

    name = "negative_prompt"
    exact = False
    pairs = False
    samples = False
    negative = "source"
    usual = Usual(num_steps=50, guidance=7.5, strength=1.0)

    def invert(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None = None) -> Kept:
        (z,) = last(ddim_back(eps, z, levels[::-1], guided=False))
        return Kept(z[None])

    def forward(self, eps: NoiseEstimate, kept: Kept, levels: Sequence[Level]) -> Iterator[Tensor]:
        for z in ddim(eps, kept.states[0], levels):
            yield z[None]
