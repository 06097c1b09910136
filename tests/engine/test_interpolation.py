"""Spherical interpolation: its geometry, and images between two inverted ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bdia_edm.engine.interpolation import angles, interpolate, slerp
from bdia_edm.engine.round_trip import round_trip
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import SAMPLERS, make_sampler
from tests.references import build
from tests.sampling import exact_samples

INVERTIBLE = [name for name in SAMPLERS.names() if issubclass(SAMPLERS[name], InvertibleSampler)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def norms(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


def even(frames: int) -> Tensor:
    return torch.linspace(0, 1, frames, dtype=torch.float64)


def sampler_of(name: str, **options: object) -> InvertibleSampler:
    card = {"gamma": 1.0, "backward": "euler"} if name == "bdia" else {}
    sampler = make_sampler(name, {"num_steps": 10, **card, **options})
    assert isinstance(sampler, InvertibleSampler)
    return sampler


def test_the_ends_are_themselves_bit_for_bit() -> None:
    start, end = noise(5, 3, 4, 4), 80 * noise(5, 3, 4, 4, seed=1)
    assert torch.equal(slerp(start, end, torch.zeros(5, dtype=torch.float64)), start)
    assert torch.equal(slerp(start, end, torch.ones(5, dtype=torch.float64)), end)


def test_from_east_to_north_the_angle_grows_evenly() -> None:
    weights = even(7)
    east, north = torch.eye(2, dtype=torch.float64).expand(7, 2, 2).unbind(1)
    way = slerp(east, north, weights)
    expected = torch.stack([(weights * math.pi / 2).cos(), (weights * math.pi / 2).sin()], 1)
    assert (way - expected).abs().max() < 1e-15
    assert (angles(east, way) - weights * math.pi / 2).abs().max() < 1e-15


def test_the_norm_is_kept_where_the_ends_share_it() -> None:
    start, end = noise(9, 2, 3, 3), noise(9, 2, 3, 3, seed=1)
    end *= (norms(start) / norms(end)).view(-1, 1, 1, 1)
    way = slerp(start, end, even(9))
    assert (norms(way) / norms(start) - 1).abs().max() < 1e-14
    # On the straight line it would not be.
    assert norms((start + end) / 2).min() < 0.9 * norms(start).min()
    half = slerp(start, end, torch.full((9,), 0.5, dtype=torch.float64))
    assert (angles(start, half) - angles(half, end)).abs().max() < 1e-14


def test_of_orthogonal_vectors_the_squares_are_mixed() -> None:
    start, end = torch.zeros(2, 5, 1, 2, 2, dtype=torch.float64)
    start[:, 0, 0, 0], end[:, 0, 1, 1] = 3.0, 7.0
    half = norms(slerp(start, end, torch.full((5,), 0.5, dtype=torch.float64)))
    assert (half.square() - (9 + 49) / 2).abs().max() < 1e-12


@pytest.mark.parametrize("factor", [1.0, 2.5, -1.0, 0.0])
def test_where_there_is_no_circle_it_is_the_line(factor: float) -> None:
    """The same vector, its direction, the opposite one, and 0."""
    start = noise(5, 1, 4, 4)
    way = slerp(start, factor * start, even(5))
    line = torch.lerp(start, factor * start, even(5).view(-1, 1, 1, 1))
    assert (way - line).abs().max() < 1e-14


def test_an_angle_keeps_its_digits() -> None:
    for angle in (1e-12, 1e-5, 1.0, math.pi / 2, math.pi - 1e-5):
        turned = torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
        found = angles(3 * torch.tensor([[1.0, 0.0]], dtype=torch.float64), turned)
        assert abs(float(found) - angle) <= max(1e-10 * angle, 2e-15)


def test_a_small_angle_is_continued_by_the_line() -> None:
    """The fall-back makes no step: on either side of it slerp and the line agree."""
    start = noise(2, 1, 4, 4)
    for size in (1e-9, 1e-8, 1e-7):
        end = start + size * noise(2, 1, 4, 4, seed=1)
        weights = torch.tensor([0.3, 0.5], dtype=torch.float64)
        assert (slerp(start, end, weights) - torch.lerp(start, end, weights.view(-1, 1, 1, 1))).abs().max() < 1e-14


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    start, end, weights = noise(6, 3, 8, 8), noise(6, 3, 8, 8, seed=1), even(6)
    alone = torch.cat([slerp(start[k : k + 1], end[k : k + 1], weights[k : k + 1]) for k in range(6)])
    torch.testing.assert_close(slerp(start, end, weights), alone, rtol=1e-14, atol=1e-14)


def inverted(denoiser: Denoiser, sampler: InvertibleSampler, images: Tensor, labels: Tensor | None = None) -> Tensor:
    return round_trip(denoiser, sampler, images, labels).states


@pytest.mark.parametrize("name", INVERTIBLE)
def test_the_ends_are_the_images(name: str) -> None:
    mixture, sampler = GaussianMixture(), sampler_of(name)
    start, end = exact_samples(mixture, 8, seed=1).chunk(2)
    states = [inverted(mixture, sampler, images) for images in (start, end)]
    for weight, images in ((0.0, start), (1.0, end)):
        found, _ = interpolate(mixture, sampler, *states, torch.full((4,), weight, dtype=torch.float64))
        error = float((found - images).abs().max())
        assert error < 1e-9 if sampler.exact else 1e-3 < error < 1


@pytest.mark.parametrize(
    ("name", "evaluations"), [("euler", 9), ("edict", 18), ("obelm", 8 + 3), ("bdia", 2 * 8 + 3 * 2), ("rex", None)]
)
def test_between_equal_images_is_the_image(name: str, evaluations: int | None) -> None:
    mixture, sampler = GaussianMixture(), sampler_of(name)
    images = exact_samples(mixture, 5, seed=1)
    found = round_trip(mixture, sampler, images)
    between, nfe = interpolate(mixture, sampler, found.states, found.states, even(5))
    assert (between - found.reconstructions).abs().max() < 1e-9
    assert evaluations in (None, nfe)


@pytest.mark.parametrize("name", ["bdia", "obelm"])
def test_the_partner_between_is_a_step_ahead(name: str) -> None:
    """Where the kept partners are the steps themselves, so is the one between, whatever the weight."""
    mixture, sampler = GaussianMixture(), sampler_of(name)
    latents = [80 * noise(3, 1, 4, 4, seed=seed) for seed in (0, 1)]
    pairs = [next(iter(sampler.forward(BatchDenoiser(mixture), z)))[1] for z in latents]
    weights = torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64)
    found, _ = interpolate(mixture, sampler, *pairs, weights)
    *_, (_, expected) = sampler.forward(BatchDenoiser(mixture), slerp(*latents, weights))
    assert (found - expected[0]).abs().max() < 1e-9


def test_classes_are_mixed_linearly() -> None:
    network, sampler = build("tiny-song-vp-cond"), sampler_of("euler", num_steps=4)
    latents = 80 * noise(1, 2, network.img_channels, network.img_resolution, network.img_resolution)
    labels, half = torch.eye(network.label_dim), torch.full((2,), 0.5, dtype=torch.float64)
    found, _ = interpolate(network, sampler, latents, latents, half, labels[[0, 0]], labels[[0, 1]])
    with torch.inference_mode():
        soft = torch.stack([labels[0], (labels[0] + labels[1]) / 2])
        *_, (_, expected) = sampler.forward(BatchDenoiser(network, soft), latents[0])
    assert (found - expected[0]).abs().max() < 1e-5
    assert (found[1] - found[0]).abs().max() > 1e-2
