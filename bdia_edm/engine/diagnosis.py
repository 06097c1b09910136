"""Where images stop being finite: their batch is sampled again, same streams, with every evaluation looked at.

Only a run that has failed comes here; the others pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from bdia_edm.models.preconditioning import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser

__all__ = ["Bind", "describe_first_fault"]

Bind = Callable[[Denoiser, Tensor | None], BatchDenoiser]
"""Makes what a sampler sees of a network and a batch's labels."""


class _FaultError(Exception):
    pass


class _WatchedDenoiser(BatchDenoiser):
    """Ends the sampling at the first evaluation whose input or output is not finite."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self._require_finite("the network's input", x, sigma)
        denoised = super().__call__(x, sigma)
        self._require_finite("the network's output", denoised, sigma)
        return denoised

    def _require_finite(self, what: str, values: Tensor, sigma: Tensor) -> None:
        if not values.isfinite().all():
            raise _FaultError(f"first at step {self.step} of STEPS (noise level {float(sigma):.4g}), in {what}")


def describe_first_fault(sample: Callable[[Bind], Tensor], num_steps: int) -> str:
    """What went wrong first, and at which step.

    Args:
        sample: samples the batch as it was sampled before, with the network seen as its argument makes it; returns
            the images.
        num_steps: the sampler's.
    """
    try:
        images = sample(_WatchedDenoiser)
    except _FaultError as fault:
        return str(fault).replace("STEPS", str(num_steps))
    if images.isfinite().all():
        return "sampled again they are finite, so the device or its memory is at fault"
    return f"first after step {num_steps} of {num_steps}"
