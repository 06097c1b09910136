"""One batch of images, inverted and made again from what the inverse ended with, as they were or of another class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler

__all__ = ["Edit", "RoundTrip", "from_uint8", "round_trip"]


@dataclass(frozen=True)
class RoundTrip:
    """Where the two ways led.

    Attributes:
        level: the noise level of the latents: the sampler's highest, or that of an edit's step.
        states: (K, N, C, H, W) float64 there: the latents and, where K = 2, their partners for the way back.
        reconstructions: (N, C, H, W) float64, the images again.
        nfe_inverse: evaluations of the denoiser per image on the way up.
        nfe: those of both ways.
    """

    level: float
    states: Tensor
    reconstructions: Tensor
    nfe_inverse: int
    nfe: int


class Edit(NamedTuple):
    """What becomes of a batch on the way down.

    Attributes:
        labels: one-hot (N, label_dim), of the way down.
        step: of the sampler, from 0, at whose noise level the way up ends and the way down begins (published as
            strength); 0 is the highest.
        keeps_partner: whether the way down begins from both states that the way up ended with, as published, or from
            the latents alone. The partner was made under the old labels.
    """

    labels: Tensor
    step: int = 0
    keeps_partner: bool = True


@torch.inference_mode()
def round_trip(
    denoiser: Denoiser,
    sampler: InvertibleSampler,
    images: Tensor,
    class_labels: Tensor | None = None,
    iterations: int = 0,
    edit: Edit | None = None,
) -> RoundTrip:
    """Inverts images and makes them again; in full float32, whose flags are put back afterwards.

    Args:
        denoiser: the network.
        sampler: one with an inverse.
        images: (N, C, H, W) float64, about in [-1, 1], on the network's device; taken as states at sigma_min.
        class_labels: one-hot (N, label_dim), there too; None where there are no classes.
        iterations: fixed-point iterations of every step, where the inverse is not exact.
        edit: of the way down; without it images are made again as they were.

    Raises:
        UserError: as ``InvertibleSampler.invert``.
    """
    bound = BatchDenoiser(denoiser, class_labels)
    back, step, keeps_partner = bound, 0, True
    if edit is not None:
        back, step, keeps_partner = BatchDenoiser(denoiser, edit.labels), edit.step, edit.keeps_partner
    top = sampler.levels(bound)[step]
    with full_precision():
        for level, up in sampler.invert(bound, images, iterations=iterations):
            states = up
            if level == top:
                break
        nfe_inverse = bound.nfe
        for _, down in sampler.forward(back, *(states if keeps_partner else states[:1]), step=step):
            image = down[0]
    return RoundTrip(top, states, image, nfe_inverse, bound.nfe if back is bound else nfe_inverse + back.nfe)


def from_uint8(pixels: Tensor) -> Tensor:
    """Pixels 0..255 to images in [-1, 1], float64: p / 127.5 - 1, which ``to_uint8`` makes the same pixels again."""
    return pixels.to(torch.float64) / 127.5 - 1
