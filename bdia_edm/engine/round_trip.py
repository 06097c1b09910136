"""One batch of images, inverted and made again from what the inverse ended with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler

__all__ = ["RoundTrip", "from_uint8", "round_trip"]


@dataclass(frozen=True)
class RoundTrip:
    """Where the two ways led.

    Attributes:
        level: the noise level of the latents, the sampler's highest.
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


@torch.inference_mode()
def round_trip(
    denoiser: Denoiser,
    sampler: InvertibleSampler,
    images: Tensor,
    class_labels: Tensor | None = None,
    iterations: int = 0,
) -> RoundTrip:
    """Inverts images and makes them again; in full float32, whose flags are put back afterwards.

    Args:
        denoiser: the network.
        sampler: one with an inverse.
        images: (N, C, H, W) float64, about in [-1, 1], on the network's device; taken as states at sigma_min.
        class_labels: one-hot (N, label_dim), there too; None where there are no classes.
        iterations: fixed-point iterations of every step, where the inverse is not exact.

    Raises:
        UserError: as ``InvertibleSampler.invert``.
    """
    bound = BatchDenoiser(denoiser, class_labels)
    with full_precision():
        for level, up in sampler.invert(bound, images, iterations=iterations):
            top, states = level, up
        nfe_inverse = bound.nfe
        for _, down in sampler.forward(bound, *states):
            image = down[0]
    return RoundTrip(top, states, image, nfe_inverse, bound.nfe)


def from_uint8(pixels: Tensor) -> Tensor:
    """Pixels 0..255 to images in [-1, 1], float64: p / 127.5 - 1, which ``to_uint8`` makes the same pixels again."""
    return pixels.to(torch.float64) / 127.5 - 1
