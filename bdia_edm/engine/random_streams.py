"""One random stream per image, so that an image depends on its own seed only.

Seed s draws from ``torch.Generator(device).manual_seed(s % 2**32)``, in this order: the latent in float32, the class
label where the network has classes, then every step's churn noise in float64. The streams of one device type agree
with those of NVIDIA's generate.py; those of a CPU and a GPU differ from each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["RandomStreams"]


class RandomStreams:
    """The streams of one batch.

    Args:
        seeds: one integer per image.
        shape: (C, H, W) of an image.
        device: where to draw.
    """

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int], device: torch.device | str = "cpu") -> None:
        self._shape, self._device = shape, device
        self._generators = [torch.Generator(device).manual_seed(int(seed) % 2**32) for seed in seeds]

    def latents(self) -> Tensor:
        """Standard normal (N, C, H, W) float32. To be drawn first."""
        return self._normal(torch.float32)

    def labels(self, label_dim: int) -> Tensor:
        """Class indices (N,), uniform in [0, label_dim). To be drawn second."""
        device = self._device
        return torch.stack([torch.randint(label_dim, (), generator=g, device=device) for g in self._generators])

    def noise(self) -> Tensor:
        """Standard normal (N, C, H, W) float64, new at every call."""
        return self._normal(torch.float64)

    def _normal(self, dtype: torch.dtype) -> Tensor:
        draws = [torch.randn(self._shape, generator=g, device=self._device, dtype=dtype) for g in self._generators]
        return torch.stack(draws)
