"""The whole way of a sampler: ours, and one that a user brings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.engine.trajectory import trajectory
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler
from tests.references import build

LATENTS = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
SAMPLERS: list[tuple[str, dict[str, Any]]] = [
    ("edm", {}),
    ("euler", {}),
    ("bdia", {"gamma": 0.3, "scaling": "vp"}),
    ("ablation", {"schedule": "vp", "scaling": "vp"}),
]


def normal(seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(LATENTS.shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("name", "options"), SAMPLERS)
def test_it_begins_at_the_noise_and_ends_in_the_images(name: str, options: dict[str, Any]) -> None:
    sampler = make_sampler(name, {"num_steps": 5, **options})
    way = trajectory(GaussianMixture(), sampler, LATENTS)
    assert len(way.times) == len(way.states) == 6
    assert all(type(t) is float for t in way.times)
    assert way.times == sorted(way.times, reverse=True)
    assert way.times[-1] == 0
    assert way.times[0] == pytest.approx(80)
    s = (1 + way.times[0] ** 2) ** -0.5 if name == "ablation" else 1.0
    torch.testing.assert_close(way.states[0], LATENTS.double() * way.times[0] * s)
    assert {(state.dtype, state.shape) for state in way.states} == {(torch.float64, LATENTS.shape)}
    denoiser = BatchDenoiser(GaussianMixture())
    assert torch.equal(way.states[-1], sampler.sample(denoiser, LATENTS, normal(0)))
    assert way.nfe == denoiser.nfe


def test_states_are_the_flows() -> None:
    """Of one Gaussian, x(t) = m + (x(T) - m) sqrt((s² + t²)/(s² + T²)), at every level on the way."""
    mixture = GaussianMixture(components=1)
    mean, s = mixture.means.reshape(1, 1, 4, 4), float(mixture.deviations[0])
    way = trajectory(mixture, make_sampler("edm", {"num_steps": 400}), LATENTS)
    for t, state in zip(way.times, way.states, strict=True):
        exact = mean + (way.states[0] - mean) * ((s**2 + t**2) / (s**2 + 80**2)) ** 0.5
        torch.testing.assert_close(state, exact, rtol=1e-4, atol=1e-3)


def test_labels_are_the_networks() -> None:
    network, sampler = build("tiny-song-vp-cond"), make_sampler("euler", {"num_steps": 3})
    latents = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    one_hot = torch.eye(3)[[2, 0]]
    way = trajectory(network, sampler, latents, one_hot)
    assert torch.equal(way.states[-1], sampler.sample(BatchDenoiser(network, one_hot), latents, normal(0)))
    assert not torch.equal(way.states[-1], trajectory(network, sampler, latents, one_hot.flip(0)).states[-1])


@pytest.mark.parametrize("name", ["edm", "ablation"])
def test_a_stochastic_sampler_needs_noise(name: str) -> None:
    sampler = make_sampler(name, {"num_steps": 4, "S_churn": 2})
    with pytest.raises(UserError, match="noise=None: this sampler is stochastic"):
        trajectory(GaussianMixture(), sampler, LATENTS)
    way = trajectory(GaussianMixture(), sampler, LATENTS, noise=normal(1))
    expected = sampler.sample(BatchDenoiser(GaussianMixture()), LATENTS, normal(1))
    assert torch.equal(way.states[-1], expected)


class OneLeap:
    """A user's own sampler, of no class of ours: from the highest level to the mean in one step, as a pair."""

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Any) -> Iterator[tuple[float, Tensor]]:
        x = latents.double() * 80
        yield 80.0, torch.stack([x, x])
        yield 0.0, torch.stack([denoiser(x, 80.0), x])


def test_a_users_own_sampler() -> None:
    way = trajectory(GaussianMixture(), OneLeap(), LATENTS)
    assert way.times == [80.0, 0.0]
    assert way.states[1].shape == (2, *LATENTS.shape)
    assert torch.equal(way.states[1][0], GaussianMixture()(LATENTS.double() * 80, 80.0))
    assert way.nfe == 1
