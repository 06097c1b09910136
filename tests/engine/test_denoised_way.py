"""States on the way with what the network makes of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bdia_edm.engine.batch import sample_images
from bdia_edm.engine.denoised_way import denoised_way
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import SAMPLERS, make_sampler
from tests.references import build

MIXTURE = GaussianMixture()
SEEDS = [3, 0, 7]


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_of_every_sampler(name: str) -> None:
    sampler = make_sampler(name, {"num_steps": 6, **({"gamma": 0.3} if name == "bdia" else {})})
    way = denoised_way(MIXTURE, sampler, SEEDS)
    images, _, nfe = sample_images(MIXTURE, sampler, SEEDS)
    assert way.nfe == nfe
    assert way.levels == sorted(way.levels, reverse=True)
    assert way.states.shape == way.denoised.shape == (len(way.levels), *images.shape[-4:])
    # What a pair's image is says the sampler; its first state is close.
    torch.testing.assert_close(way.states[-1], images if images.ndim == 4 else images[0])
    for level, state, estimate in zip(way.levels, way.states, way.denoised, strict=True):
        expected = MIXTURE(state, level).double() if level else state
        torch.testing.assert_close(estimate, expected)


@pytest.mark.parametrize("options", [{}, {"scaling": "vp"}, {"scaling": "vp", "schedule": "vp"}])
def test_a_state_is_an_image_with_noise_of_its_level(options: dict[str, Any]) -> None:
    """Whatever the scale of the sampler's own states: those of one ODE's fine solution are the same."""
    levels_deviation = []
    for scaled in ({}, options):
        way = denoised_way(MIXTURE, make_sampler("ablation", {"num_steps": 40, **scaled}), range(50))
        assert float(way.states[0].std()) == pytest.approx(80, rel=0.05)
        levels_deviation.append((way.levels, way.states[-1]))
    torch.testing.assert_close(levels_deviation[0][1], levels_deviation[1][1], atol=0.15, rtol=0)


def test_classes_are_the_seeds_or_the_one_given() -> None:
    network = build("tiny-song-vp-cond")
    sampler = make_sampler("edm", {"num_steps": 3})
    for class_idx in (None, 2):
        way = denoised_way(network, sampler, SEEDS, class_idx)
        images, labels, _ = sample_images(network, sampler, SEEDS, class_idx)
        assert way.labels.tolist() == labels.tolist()
        torch.testing.assert_close(way.states[-1], images)
        one_hot = torch.nn.functional.one_hot(labels, network.label_dim).float()
        torch.testing.assert_close(way.denoised[1], network(way.states[1], way.levels[1], one_hot).double())
