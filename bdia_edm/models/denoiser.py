"""What a sampler's network is: D(x; sigma), the noise levels it knows, and how a level reaches its device."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Denoiser", "place_level"]


class Denoiser(Protocol):
    """D(x; sigma, labels) for images (N, img_channels, img_resolution, img_resolution).

    Attributes:
        label_dim: number of classes, 0 for an unconditional one.
        sigma_min, sigma_max: the noise levels it knows.
    """

    img_resolution: int
    img_channels: int
    label_dim: int
    sigma_min: float
    sigma_max: float

    def __call__(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | None = None) -> Tensor:
        """The denoised images (N, C, H, W).

        Args:
            x: (N, C, H, W), pixels in [-1, 1] plus noise.
            sigma: noise level; samplers give a Python float.
            class_labels: one-hot (N, label_dim), or None.
        """

    def round_sigma(self, sigma: Tensor) -> Tensor:
        """The known noise levels nearest to those of a CPU tensor, in its shape and precision."""


def place_level(sigma: Tensor | float, x: Tensor, dtype: torch.dtype) -> Tensor:
    """A scalar or (N,) noise level as (1,) or (N,) on x's device.

    A number is put there by filling: a copy from the host would wait for the GPU, at every evaluation.
    """
    if isinstance(sigma, Tensor):
        return sigma.to(x.device, dtype).reshape(-1)
    return torch.full((1,), sigma, dtype=dtype, device=x.device)
