"""A batch there and back."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.engine.batch import to_uint8
from bdia_edm.engine.round_trip import from_uint8, round_trip
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import make_sampler
from tests.sampling import exact_samples


def sampler_of(name: str, **options: object) -> InvertibleSampler:
    sampler = make_sampler(name, {"num_steps": 10, **options})
    assert isinstance(sampler, InvertibleSampler)
    return sampler


def test_every_pixel_is_itself_again() -> None:
    pixels = torch.arange(256, dtype=torch.uint8)
    images = from_uint8(pixels)
    assert (float(images[0]), float(images[-1])) == (-1, 1)
    assert torch.equal(to_uint8(images), pixels)


@pytest.mark.parametrize(
    ("name", "options", "states", "up", "down"),
    [
        ("bdia", {"gamma": 1.0, "integrator": "euler"}, 2, 9, 8),
        ("obelm", {}, 2, 9, 8),
        ("edict", {}, 2, 18, 18),
        ("euler", {}, 1, 9, 9),
        ("heun", {}, 1, 18, 18),
    ],
)
def test_both_ways_are_counted_and_kept(name: str, options: dict, states: int, up: int, down: int) -> None:
    images = exact_samples(GaussianMixture(), 6, seed=1)
    found = round_trip(GaussianMixture(), sampler_of(name, **options), images)
    assert found.states.shape == (states, *images.shape)
    assert found.level == 80
    assert (found.nfe_inverse, found.nfe) == (up, up + down)
    error = float((found.reconstructions - images).abs().max())
    assert error < 1e-9 if name in ("bdia", "obelm", "edict") else error > 1e-3


def test_iterations_of_the_inverse_come_nearer() -> None:
    images = exact_samples(GaussianMixture(), 6, seed=1)
    errors = []
    for iterations in (0, 1, 20):
        found = round_trip(GaussianMixture(), sampler_of("euler"), images, iterations=iterations)
        assert found.nfe_inverse == 9 * (1 + iterations)
        errors.append(float((found.reconstructions - images).square().mean().sqrt()))
    assert errors[0] > 2 * errors[1] > 100 * errors[2]


def test_the_flags_are_put_back() -> None:
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        round_trip(GaussianMixture(), sampler_of("obelm"), torch.zeros(2, 1, 4, 4, dtype=torch.float64))
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = before
