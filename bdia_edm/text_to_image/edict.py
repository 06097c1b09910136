"""EDICT of latents (Wallace, Gokul, Naik 2023, arXiv 2211.12446): two coupled states x, y, exactly invertible.

    x <- Phi_{i->i-1}(x, eps(y, t_i)),  y <- Phi_{i->i-1}(y, eps(x, t_i))      mixing:
    x <- p x + (1 - p) y,               y <- p y + (1 - p) x  with the new x

In every other step y is first (leapfrog), counted from the noisy end. The inverse undoes the parts in reverse, with the
network asked at the same t_i. Two evaluations a step both ways, guided four.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from bdia_edm.base.options import option
from bdia_edm.text_to_image.method import METHODS, Kept, Method, Usual, last
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level, Prediction, predict

__all__ = ["EDICT", "edict", "edict_back"]

LEAPFROGS = ("noisy_end", "off", "clean_end")


def edict(
    eps: NoiseEstimate, x: Tensor, y: Tensor, levels: Sequence[Level], *, p: float, leapfrog: bool = True
) -> Iterator[Tensor]:
    """From levels[0] to the data, the pair (2, B, C, H, W), x and y, after every step."""
    for n, (level, newer) in enumerate(pairwise(levels)):
        if n % 2 == 0 or not leapfrog:
            x = _moved(eps(y, level), x, level, newer)
            y = _moved(eps(x, level), y, level, newer)
        else:
            y = _moved(eps(x, level), y, level, newer)
            x = _moved(eps(y, level), x, level, newer)
        x = p * x + (1 - p) * y
        y = p * y + (1 - p) * x
        yield torch.stack([x, y])


def edict_back(
    eps: NoiseEstimate,
    x: Tensor,
    y: Tensor,
    levels: Sequence[Level],
    *,
    p: float,
    leapfrog: bool = True,
    from_clean_end: bool = False,
) -> Iterator[Tensor]:
    """The inverse of ``edict``, for rising levels.

    Args:
        from_clean_end: the leapfrog's steps are counted from here: no inverse where their number is odd.
    """
    steps = list(pairwise(levels))
    for j, (newer, level) in enumerate(steps):
        y = (y - (1 - p) * x) / p
        x = (x - (1 - p) * y) / p
        n = j + 1 if from_clean_end else len(steps) - 1 - j
        if n % 2 == 0 or not leapfrog:
            y = _moved(eps(x, level), y, newer, level)
            x = _moved(eps(y, level), x, newer, level)
        else:
            x = _moved(eps(y, level), x, newer, level)
            y = _moved(eps(x, level), y, newer, level)
        yield torch.stack([x, y])


def _moved(other: Prediction, z: Tensor, start: Level, end: Level) -> Tensor:
    """Phi of z with the noise that the network sees in the other state."""
    return predict(other.e, z, start, "epsilon").at(end)


@METHODS.add("edict")
@dataclass(frozen=True, kw_only=True)
class EDICT(Method):
    """EDICT, exactly invertible."""

    name = "edict"
    in_columns = ("p",)
    divides_by_alpha = True
    usual = Usual(num_steps=50, guidance=3.0, strength=0.8)
    p: float = option(0.93, words="weight of a state of its own in the mix; 0.9 to 0.97 are useful", low=0.5, high=1)
    leapfrog: str = option(
        "noisy_end",
        words="in every other step y is first, counted from the noisy end; off: x always is; clean_end: the inverse "
        "counts from the clean end, the slip of diffusers' community pipeline, inexact for an odd number of steps",
        one_of=LEAPFROGS,
    )

    def invert(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None = None) -> Kept:
        y = z if second is None else second
        slip = self.leapfrog == "clean_end"
        way = edict_back(eps, z, y, levels[::-1], p=self.p, leapfrog=self._leaps, from_clean_end=slip)
        (pair,) = last(way)
        return Kept(pair)

    def forward(self, eps: NoiseEstimate, kept: Kept, levels: Sequence[Level]) -> Iterator[Tensor]:
        return edict(eps, kept.states[0], kept.states[-1], levels, p=self.p, leapfrog=self._leaps)

    @property
    def _leaps(self) -> bool:
        return self.leapfrog != "off"
