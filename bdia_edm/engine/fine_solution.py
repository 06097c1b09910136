"""Where the probability-flow ODE itself leads from an image's latent: what a sampler's image is held against.

The ODE is solved by EDM's Heun steps, many of them, from the sampler's own highest noise level. On the Gaussian mixture
(4×4 pixels) 256 steps are 4e-5 from 1024, root-mean-square over images and pixels, where EDM's 18 steps are 9e-3 away.
Samplers that begin at another level have another latent, and so another problem.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bdia_edm.engine.batch import draw_batch
from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.edm import EDMSampler
from bdia_edm.samplers.sampler import Sampler

__all__ = ["FINE_STEPS", "fine_solution"]

FINE_STEPS = 256
"""511 evaluations of the denoiser for an image, beside the sampler's own."""


@torch.inference_mode()
def fine_solution(
    denoiser: Denoiser,
    sampler: Sampler,
    seeds: Sequence[int],
    class_idx: int | None = None,
    device: torch.device | str = "cpu",
    num_steps: int = FINE_STEPS,
) -> Tensor:
    """The images (N, C, H, W) float64 at noise level 0; arguments as of ``sample_images``.

    Args:
        sampler: whose highest noise level the ODE starts at. Where it ends is the ODE's, not the sampler's: one that
            jumps to 0 from far above pays for it.
        num_steps: of EDM's sampler.
    """
    with full_precision():
        batch = draw_batch(denoiser, seeds, class_idx, device)
        # A sampler yields its first level before it evaluates the denoiser.
        highest, _ = next(iter(sampler.trajectory(batch.denoiser, batch.latents, batch.noise)))
        fine = EDMSampler(num_steps=num_steps, sigma_max=highest)
        return fine.sample(batch.denoiser, batch.latents, batch.noise)
