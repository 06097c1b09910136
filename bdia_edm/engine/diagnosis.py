"""Where images stop being finite: their batch is sampled again, same streams, with every evaluation looked at.

Only a run that has failed comes here; the others pay nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bdia_edm.engine.batch import draw_batch
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.sampler import Sampler

__all__ = ["describe_first_fault"]


class _FaultError(Exception):
    pass


class _WatchedDenoiser(BatchDenoiser):
    """Ends the sampling at the first evaluation whose input or output is not finite."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        _require_finite("the network's input", x, sigma)
        denoised = super().__call__(x, sigma)
        _require_finite("the network's output", denoised, sigma)
        return denoised


def _require_finite(what: str, values: Tensor, sigma: float) -> None:
    if not values.isfinite().all():
        raise _FaultError(f"(noise level {sigma:.4g}), in {what}")


@torch.inference_mode()
def describe_first_fault(
    denoiser: Denoiser,
    sampler: Sampler,
    seeds: Sequence[int],
    class_idx: int | None = None,
    device: torch.device | str = "cpu",
) -> str:
    """What went wrong first, and at which step; arguments as of ``sample_images``, which gave images not finite."""
    batch = draw_batch(denoiser, seeds, class_idx, device, bind=_WatchedDenoiser)
    # Each state ends a step, but the first, which is the start: so many states seen, so many steps begun.
    step = 0
    finite = True
    try:
        for _, state in sampler.trajectory(batch.denoiser, batch.latents, batch.noise):
            step += 1
            finite = bool(state.isfinite().all())
    except _FaultError as fault:
        return f"first at step {step} of {sampler.num_steps} {fault}"
    if finite:
        return "sampled again they are finite, so the device or its memory is at fault"
    return f"first after step {sampler.num_steps} of {sampler.num_steps}"
