"""One batch: what is drawn for it from its seeds, its images, and their pixels; all of it on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from bdia_edm.base.errors import UserError
from bdia_edm.engine.precision import full_precision
from bdia_edm.engine.random_streams import RandomStreams
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.sampler import Noise, Sampler

__all__ = ["Batch", "Bind", "draw_batch", "sample_images", "to_uint8"]

Bind = Callable[[Denoiser, Tensor | None], BatchDenoiser]
"""Makes what a sampler sees of a network and a batch's one-hot labels."""


@dataclass(frozen=True)
class Batch:
    """What a sampler is given.

    Attributes:
        denoiser: the network with the batch's labels.
        latents: standard normal (N, C, H, W) float32.
        noise: draws churn's noise.
        labels: class indices (N,); -1: unconditional.
    """

    denoiser: BatchDenoiser
    latents: Tensor
    noise: Noise
    labels: Tensor


def draw_batch(
    denoiser: Denoiser,
    seeds: Sequence[int],
    class_idx: int | None = None,
    device: torch.device | str = "cpu",
    bind: Bind = BatchDenoiser,
) -> Batch:
    """Draws a batch, each image from its own seed; arguments as of ``sample_images``.

    Args:
        bind: for those who watch the evaluations.
    """
    shape = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
    streams = RandomStreams(seeds, shape, device)
    latents = streams.latents()
    labels = torch.full((len(seeds),), -1, device=device)
    one_hot: Tensor | None = None
    if denoiser.label_dim:
        # Drawn even where the class is given, so that the noise after it is the same.
        labels = streams.labels(denoiser.label_dim)
        if class_idx is not None:
            labels = torch.full_like(labels, class_idx)
        one_hot = functional.one_hot(labels, denoiser.label_dim).to(torch.float32)
    return Batch(bind(denoiser, one_hot), latents, streams.noise, labels)


@torch.inference_mode()
def sample_images(
    denoiser: Denoiser,
    sampler: Sampler,
    seeds: Sequence[int],
    class_idx: int | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor, int]:
    """One batch of images, each from its own seed; in full float32, whose flags are put back afterwards.

    Args:
        denoiser: the network, on ``device``.
        sampler: how to sample.
        seeds: one per image.
        class_idx: the class of all images; None draws one for each where the network has classes.

    Returns:
        The images (N, C, H, W) float64 in about [-1, 1], their class indices (N,) (-1: unconditional), and the
        number of evaluations of the denoiser per image, counted.

    Raises:
        UserError: there is no seed, or no such class.
    """
    if not len(seeds):
        raise UserError("seeds: none; take one or more")
    if class_idx is not None and not 0 <= class_idx < denoiser.label_dim:
        raise UserError(f"class_idx={class_idx}: this network has {denoiser.label_dim or 'no'} classes, from 0")
    with full_precision():
        batch = draw_batch(denoiser, seeds, class_idx, device)
        images = sampler.sample(batch.denoiser, batch.latents, batch.noise)
    return images, batch.labels, batch.denoiser.nfe


def to_uint8(x: Tensor) -> Tensor:
    """Images in [-1, 1] to pixels 0..255: clip(x * 127.5 + 128, 0, 255), truncated."""
    return (x * 127.5 + 128).clip(0, 255).to(torch.uint8)
