"""What a sampler sees of a network: D(x; sigma) for one batch, counted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bdia_edm.base.late_torch import torch

if TYPE_CHECKING:
    from torch import Tensor

    from bdia_edm.models.denoiser import Denoiser

__all__ = ["BatchDenoiser", "Denoise", "analytic_first_step", "gradient"]

Denoise = Callable[["Tensor", float], "Tensor"]
"""D(x; t): all that a solver asks of a network; a BatchDenoiser is one."""


class BatchDenoiser:
    """A denoiser with the labels of one batch bound to it.

    The state of every sampler is float64; the network works in its own precision and its answer comes back in
    float64. ``nfe`` counts the evaluations of each image.

    Args:
        denoiser: the network.
        class_labels: one-hot (N, label_dim), on the network's device, or None.
    """

    def __init__(self, denoiser: Denoiser, class_labels: Tensor | None = None) -> None:
        self._denoiser = denoiser
        # What is the same in every evaluation is computed once, by denoisers that can.
        embed: Callable[[Tensor | None], Any] | None = getattr(denoiser, "embed_classes", None)
        self._class_labels = class_labels if embed is None else embed(class_labels)
        self.sigma_min, self.sigma_max = denoiser.sigma_min, denoiser.sigma_max
        self.nfe = 0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """x (N, C, H, W) float64 and its noise level to D(x; sigma), float64."""
        self.nfe += 1
        return self._denoiser(x, sigma, self._class_labels).to(torch.float64)

    def round_sigma(self, sigma: Tensor) -> Tensor:
        """The levels nearest to sigma, on the CPU, that the network knows."""
        return self._denoiser.round_sigma(sigma)


def gradient(denoiser: Denoise, x: Tensor, t: float) -> Tensor:
    """dx/dt = (x - D(x; t))/t of the probability-flow ODE with sigma(t) = t, s(t) = 1 (EDM, equation 3)."""
    return (x - denoiser(x, t)) / t


def analytic_first_step(denoiser: Denoise) -> Denoise:
    """AFS (Dockhorn, Vahdat, Kreis 2022, arXiv 2210.05475): the first evaluation is none.

    At t_0 nearly all of x is noise, so its gradient is taken to be d_0 = x/sqrt(1 + t_0²), that of data of variance 1;
    D = x - t_0 d_0 goes to all that asks for the first evaluation, and nothing is counted.
    """
    first = True

    def denoise(x: Tensor, t: float) -> Tensor:
        nonlocal first
        if first:
            first = False
            return x - t * (x / math.sqrt(1 + t * t))
        return denoiser(x, t)

    return denoise
