"""The mixture's denoiser against its definition and its samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch import distributions

from bdia_edm.models.gaussian_mixture import GaussianMixture
from tests.sampling import exact_samples


def test_denoiser_is_tweedies_formula() -> None:
    """D(x; sigma) = x + sigma² ∇ log p(x; sigma) (EDM, equation 3), the gradient by autograd of the density."""
    mixture = GaussianMixture(img_resolution=3, img_channels=2, components=5, seed=1)
    x = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    for sigma in (0.01, 0.3, 2.0, 80.0):
        spread = (mixture.deviations**2 + sigma**2).sqrt()
        normals = distributions.Normal(mixture.means, spread[:, None])
        family = distributions.MixtureSameFamily(
            distributions.Categorical(mixture.weights), distributions.Independent(normals, 1)
        )
        (score,) = torch.autograd.grad(family.log_prob(x.flatten(1)).sum(), x)
        expected = x + sigma**2 * score
        torch.testing.assert_close(mixture(x, sigma), expected.detach(), rtol=1e-8, atol=1e-8)


def test_noise_levels_by_image() -> None:
    mixture = GaussianMixture()
    x = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    together = mixture(x, sigma)
    for k in range(3):
        torch.testing.assert_close(together[k : k + 1], mixture(x[k : k + 1], float(sigma[k])))


def test_samples_have_the_mixtures_moments() -> None:
    mixture = GaussianMixture(components=3, seed=5)
    samples = exact_samples(mixture, 200_000, seed=1).flatten(1)
    mean = mixture.weights @ mixture.means
    centred = mixture.means - mean
    covariance = (mixture.weights[:, None] * centred).T @ centred
    covariance += (mixture.weights * mixture.deviations**2).sum() * torch.eye(16, dtype=torch.float64)
    torch.testing.assert_close(samples.mean(0), mean, atol=0.01, rtol=0)
    torch.testing.assert_close(samples.T.cov(), covariance, atol=0.01, rtol=0)
    assert torch.equal(samples, exact_samples(mixture, 200_000, seed=1).flatten(1))


@pytest.mark.parametrize("dimension", [(1, 1), (3, 16)])
def test_any_dimension(dimension: tuple[int, int]) -> None:
    channels, resolution = dimension
    mixture = GaussianMixture(resolution, channels)
    assert exact_samples(mixture, 2).shape == (2, channels, resolution, resolution)
    assert (mixture.sigma_min, mixture.sigma_max, mixture.label_dim) == (0.0, math.inf, 0)


@pytest.mark.parametrize(("channels", "resolution", "num"), [(1, 1, 3000), (3, 5, 2500), (1, 4, 700)])
def test_batches_of_samples_are_one_large_draw(channels: int, resolution: int, num: int) -> None:
    """The samples are those of one draw of all normals, at any dimension."""
    mixture = GaussianMixture(resolution, channels, 5, seed=2)
    generator = torch.Generator().manual_seed(4)
    k = torch.multinomial(mixture.weights, num, replacement=True, generator=generator)
    normal = torch.randn(num, channels * resolution**2, generator=generator, dtype=torch.float64)
    expected = (mixture.means[k] + mixture.deviations[k, None] * normal).reshape(num, channels, resolution, resolution)
    assert torch.equal(exact_samples(mixture, num, seed=4), expected)
    assert max(len(batch) for batch in mixture.exact_batches(num)) <= 1024
