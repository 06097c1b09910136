"""How much of each part is measured: as much as is above the clock's noise, in minutes altogether."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from scripts.timing.machine import precisions_of

__all__ = ["Sizes", "default_ways", "sizes_of"]


@dataclass(frozen=True)
class Sizes:
    """Of one model on one kind of device.

    Attributes:
        batch: images at once, in all parts but where batches are compared.
        num_steps: of EDM's sampler.
        batches: that the bare denoiser is measured at.
        images: of the pipeline, three numbers for a line.
        plain: images of the plain pipeline.
        steps: of the line in NFE, at the least of ``images``.
        profiled: images of the profile.
    """

    batch: int
    num_steps: int
    batches: tuple[int, ...]
    images: tuple[int, ...]
    plain: int
    steps: tuple[int, ...]
    profiled: int

    def with_batch(self, batch: int) -> Sizes:
        """The same with another batch; whole ones of it wherever images are counted."""
        times = batch / self.batch
        images = tuple(max(round(each * times), 1) for each in self.images)
        plain, profiled = (max(round(each * times), 1) for each in (self.plain, self.profiled))
        return replace(self, batch=batch, batches=(batch,), images=images, plain=plain, profiled=profiled)


_DIGITS = Sizes(250, 9, (50, 250, 1000), (250, 500, 1000), 250, (3, 5, 9), 500)
_CIFAR10 = Sizes(4, 2, (1, 4, 16), (4, 8, 12), 4, (2, 3, 4), 4)
_LARGER = Sizes(2, 2, (1, 2), (2, 4, 6), 2, (2, 3, 4), 2)
_CIFAR10_ON_GPU = Sizes(250, 18, (64, 250, 500), (250, 500, 750), 250, (6, 12, 18), 250)
_LARGER_ON_GPU = Sizes(64, 9, (16, 64, 128), (64, 128, 192), 64, (3, 6, 9), 64)
_QUICK_DIGITS = Sizes(25, 2, (25,), (25, 50, 75), 25, (2, 3, 4), 25)
_QUICK = Sizes(1, 2, (1,), (1, 2, 3), 1, (2, 3, 4), 1)


def sizes_of(model: str, device: torch.device, quick: bool = False) -> Sizes:
    """Those of a card: digits and the 32×32 networks by themselves, all others as 64×64."""
    if quick:
        return _QUICK_DIGITS if model == "digits" else _QUICK
    if model == "digits":
        return _DIGITS
    if model.startswith("cifar10"):
        return _CIFAR10_ON_GPU if device.type == "cuda" else _CIFAR10
    return _LARGER_ON_GPU if device.type == "cuda" else _LARGER


def default_ways(part: str, device: torch.device) -> Sequence[str]:
    """The options of ``sample`` that a part compares, where the user names none.

    Compiling takes longer than measuring; what the whole pipeline is held to on a GPU is the fastest way.
    """
    if part == "denoiser":
        plain = ["", *(f"precision={name}" for name in precisions_of(device) if name != "fp32")]
        return [*plain, "precision=bf16 compile=default"] if device.type == "cuda" else plain
    if part == "hours":
        return ["", "precision=bf16"]
    return ["precision=bf16 compile=default"] if device.type == "cuda" else [""]
