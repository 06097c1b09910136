"""A Gaussian mixture and its exact denoiser: the ground truth for samplers, at any dimension.

The data are sum_k w_k N(m_k, s_k² I). With noise of level sigma, component k becomes N(m_k, v_k I), v_k = s_k² +
sigma², and the denoiser is the posterior mean

    D(x; sigma) = sum_k r_k(x) (m_k + s_k²/v_k (x - m_k)),  r_k(x) ∝ w_k N(x; m_k, v_k I).

Karras et al. 2022 (arXiv 2206.00364), appendix B.3, has the case s_k = 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bdia_edm.models.denoiser import place_level

__all__ = ["GaussianMixture"]


class GaussianMixture(nn.Module):
    """A mixture over images (img_channels, img_resolution, img_resolution) whose dimension is their product.

    Means are uniform in [-0.6, 0.6] for every pixel, standard deviations uniform in [0.05, 0.15], so that few
    pixels leave [-1, 1]; the weights are proportional to uniform draws from [0.5, 1.5].

    Args:
        components: number of Gaussians.
        seed: of the means, deviations and weights.
    """

    means: Tensor
    deviations: Tensor
    weights: Tensor

    def __init__(self, img_resolution: int = 4, img_channels: int = 1, components: int = 8, seed: int = 0) -> None:
        super().__init__()
        self.img_resolution, self.img_channels, self.label_dim = img_resolution, img_channels, 0
        self.sigma_min, self.sigma_max = 0.0, math.inf
        with torch.device("cpu"):
            generator = torch.Generator().manual_seed(seed)
            dimension = img_channels * img_resolution**2
            means = 1.2 * torch.rand(components, dimension, generator=generator, dtype=torch.float64) - 0.6
            deviations = 0.05 + 0.1 * torch.rand(components, generator=generator, dtype=torch.float64)
            weights = 0.5 + torch.rand(components, generator=generator, dtype=torch.float64)
        self.register_buffer("means", means)
        self.register_buffer("deviations", deviations)
        self.register_buffer("weights", weights / weights.sum())

    def forward(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | None = None) -> Tensor:
        """The posterior mean of (N, C, H, W) at a scalar or (N,) noise level, float64."""
        flat = x.to(torch.float64).flatten(1)
        level = place_level(sigma, x, torch.float64).reshape(-1, 1)
        variance = self.deviations**2 + level**2
        shrink = self.deviations**2 / variance
        squares = (flat**2).sum(1, keepdim=True) - 2 * flat @ self.means.T + (self.means**2).sum(1)
        log_density = self.weights.log() - squares / (2 * variance) - flat.shape[1] / 2 * variance.log()
        r = log_density.softmax(dim=1)
        denoised = (r * (1 - shrink)) @ self.means + (r * shrink).sum(1, keepdim=True) * flat
        return denoised.reshape(x.shape)

    def round_sigma(self, sigma: Tensor) -> Tensor:
        """Every level is known."""
        return sigma

    def exact_batches(self, num: int, seed: int = 0) -> Iterator[Tensor]:
        """Samples of the mixture itself, (1024 or fewer, C, H, W) float64 at a time on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        means, deviations = self.means.cpu(), self.deviations.cpu()
        drawn = torch.multinomial(self.weights.cpu(), num, replacement=True, generator=generator)
        # PyTorch draws normals by 16, so batches of a multiple of 16 are the stream of one large draw.
        for k in drawn.split(1024):
            normal = torch.randn(len(k), means.shape[1], generator=generator, dtype=torch.float64)
            samples = means[k] + deviations[k, None] * normal
            yield samples.reshape(len(k), self.img_channels, self.img_resolution, self.img_resolution)
