"""A sampler's whole way from latents to images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.sampler import Noise, Sampler

__all__ = ["Trajectory", "trajectory"]


@dataclass(frozen=True)
class Trajectory:
    """The states of a batch.

    Attributes:
        times: noise levels of the states, from the highest to 0, or to where the sampler ends.
        states: the start and the state after every step, (N, C, H, W) float64 each, (2, N, C, H, W) where the method
            carries a pair; the last one is the images.
        nfe: evaluations of the denoiser per image.
    """

    times: list[float]
    states: list[Tensor]
    nfe: int


@torch.inference_mode()
def trajectory(
    denoiser: Denoiser,
    sampler: Sampler,
    latents: Tensor,
    class_labels: Tensor | None = None,
    noise: Noise | None = None,
) -> Trajectory:
    """Samples, and keeps every state; in full float32, whose flags are put back afterwards.

    Args:
        denoiser: the network, or any object that is a Denoiser.
        sampler: from ``make_sampler``, or any object with a Sampler's ``trajectory``.
        latents: standard normal (N, C, H, W), on the network's device.
        class_labels: one-hot (N, label_dim), there too; None where there are no classes.
        noise: draws a stochastic sampler's noise, standard normal of the latents' shape, float64, there too.

    Raises:
        UserError: latents or labels are not of the network's shape, it knows no noise level of the sampler's range, or
            the sampler draws noise and was given none.
    """
    shape = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
    if latents.ndim != 4 or tuple(latents.shape[1:]) != shape:
        raise UserError(f"latents: of shape {tuple(latents.shape)}; must be (N, {', '.join(map(str, shape))})")
    wanted = (len(latents), denoiser.label_dim) if denoiser.label_dim else None
    if (None if class_labels is None else tuple(class_labels.shape)) != wanted:
        given = "none" if class_labels is None else f"of shape {tuple(class_labels.shape)}"
        raise UserError(f"class_labels: {given}; must be {'left out' if wanted is None else f'one-hot, {wanted}'}")
    bound = BatchDenoiser(denoiser, class_labels)
    times: list[float] = []
    states: list[Tensor] = []
    with full_precision():
        for level, state in sampler.trajectory(bound, latents, noise or _no_noise):
            times.append(level)
            states.append(state)
    return Trajectory(times, states, bound.nfe)


def _no_noise() -> Tensor:
    raise UserError("noise=None: this sampler is stochastic; it must be a function that draws standard normal noise")
