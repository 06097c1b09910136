"""A sampler's way with what the network makes of every state on it: x_t and D(x_t; sigma)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bdia_edm.engine.batch import draw_batch
from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.sampler import Sampler

__all__ = ["DenoisedWay", "denoised_way"]


@dataclass(frozen=True)
class DenoisedWay:
    """That of a batch.

    Attributes:
        levels: noise levels of the L states, from the highest to 0, or to where the sampler ends.
        states: (L, N, C, H, W) float64 on the CPU: an image with noise of the level, whatever scale the sampler's own
            states have; of a pair its first. The last are the images.
        denoised: D(x; sigma) of these; at level 0, where there is no noise to take away, the state.
        labels: class indices (N,) on the CPU; -1: unconditional.
        nfe: evaluations per image that the sampler itself took.
    """

    levels: list[float]
    states: Tensor
    denoised: Tensor
    labels: Tensor
    nfe: int


@torch.inference_mode()
def denoised_way(
    denoiser: Denoiser,
    sampler: Sampler,
    seeds: Sequence[int],
    class_idx: int | None = None,
    device: torch.device | str = "cpu",
) -> DenoisedWay:
    """Samples one batch, the images those of ``sample_images``, and keeps every state with its estimate.

    Each estimate is one more evaluation beside the sampler's own; arguments as of ``sample_images``.
    """
    levels: list[float] = []
    states: list[Tensor] = []
    denoised: list[Tensor] = []
    estimates: list[BatchDenoiser] = []

    def bind(network: Denoiser, class_labels: Tensor | None) -> BatchDenoiser:
        # A second one for the estimates: the sampler's counts what the sampler takes.
        estimates.append(BatchDenoiser(network, class_labels))
        return BatchDenoiser(network, class_labels)

    with full_precision():
        batch = draw_batch(denoiser, seeds, class_idx, device, bind)
        for level, state in sampler.trajectory(batch.denoiser, batch.latents, batch.noise):
            x = (state if state.ndim == batch.latents.ndim else state[0]) / sampler.state_scale(level)
            levels.append(level)
            states.append(x.cpu())
            denoised.append(estimates[0](x, level).cpu() if level > 0 else states[-1])
    return DenoisedWay(levels, torch.stack(states), torch.stack(denoised), batch.labels.cpu(), batch.denoiser.nfe)
