"""The EDM sampler: NVIDIA's images, its order, its noise."""

from __future__ import annotations

import math

import pytest
import torch

from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler
from tests.sampling import cases_of, check_case, exact_samples, order, run


@pytest.mark.parametrize(("network", "case"), cases_of("edm"))
def test_images_are_the_originals(network: str, case: str) -> None:
    check_case(network, case)


def test_order_of_convergence() -> None:
    assert order("edm") == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("num_steps", [2, 7])
def test_evaluations_are_counted(num_steps: int) -> None:
    assert run("edm", num_steps)[1] == 2 * num_steps - 1


def test_one_gaussian_has_a_closed_form() -> None:
    """x(t) = m + (x(T) - m) sqrt((s² + t²)/(s² + T²)) solves the flow of N(m, s²)."""
    mixture = GaussianMixture(components=1)
    latents = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    x = make_sampler("edm", {"num_steps": 400}).sample(BatchDenoiser(mixture), latents, lambda: latents)
    mean, s = mixture.means.reshape(1, 1, 4, 4), float(mixture.deviations[0])
    exact = mean + (latents.double() * 80 - mean) * s / math.sqrt(s**2 + 80**2)
    # What is left is the last step, Euler's from 0.002.
    torch.testing.assert_close(x, exact, atol=1e-4, rtol=0)


def test_noise_is_drawn_at_every_step_or_never() -> None:
    draws = 0

    def noise() -> torch.Tensor:
        nonlocal draws
        draws += 1
        return torch.zeros(2, 1, 4, 4, dtype=torch.float64)

    latents = torch.zeros(2, 1, 4, 4)
    denoiser = BatchDenoiser(GaussianMixture())
    make_sampler("edm", {"num_steps": 9, "S_churn": 3, "S_min": 1, "S_max": 2}).sample(denoiser, latents, noise)
    assert draws == 9
    make_sampler("edm", {"num_steps": 9}).sample(denoiser, latents, noise)
    assert draws == 9


def test_churn_samples_the_same_distribution() -> None:
    """With many steps and much churn the images still have the mixture's moments."""
    mixture = GaussianMixture(img_resolution=1, components=2, seed=3)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(20_000, 1, 1, 1, generator=generator)
    sampler = make_sampler("edm", {"num_steps": 60, "S_churn": 30})
    images = sampler.sample(
        BatchDenoiser(mixture), latents, lambda: torch.randn(latents.shape, generator=generator, dtype=torch.float64)
    )
    exact = exact_samples(mixture, 200_000)
    assert float(images.mean()) == pytest.approx(float(exact.mean()), abs=0.01)
    assert float(images.std()) == pytest.approx(float(exact.std()), rel=0.02)
