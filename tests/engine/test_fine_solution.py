"""The ODE's fine solution: it is one, and samplers come to it as their order says."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.engine.batch import sample_images
from bdia_edm.engine.fine_solution import fine_solution
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler

MIXTURE, SEEDS = GaussianMixture(img_resolution=4), range(16)
EDM = make_sampler("edm", {"num_steps": 18})


@pytest.fixture(scope="module")
def fine() -> torch.Tensor:
    return fine_solution(MIXTURE, EDM, SEEDS)


def rms(x: torch.Tensor) -> float:
    return float(x.square().mean().sqrt())


def error(name: str, fine: torch.Tensor, **options: object) -> float:
    images, _, _ = sample_images(MIXTURE, make_sampler(name, options), SEEDS)
    return rms(images - fine)


def test_it_is_far_finer_than_any_sampler(fine: torch.Tensor) -> None:
    own_error = rms(fine - fine_solution(MIXTURE, EDM, SEEDS, num_steps=512))
    assert own_error < 1e-4
    assert error("edm", fine, num_steps=18) > 50 * own_error


@pytest.mark.parametrize(("name", "num_steps", "order"), [("edm", 32, 2), ("euler", 64, 1)])
def test_samplers_come_to_it_as_their_order_says(name: str, num_steps: int, order: int, fine: torch.Tensor) -> None:
    coarse, halved = (error(name, fine, num_steps=num) for num in (num_steps, 2 * num_steps))
    assert coarse / halved == pytest.approx(2**order, rel=0.25)


def test_it_begins_where_the_sampler_does(fine: torch.Tensor) -> None:
    """From another highest level the same latents lead elsewhere."""
    low = make_sampler("bdia", {"num_steps": 18, "gamma": 0.1, "sigma_max": 3.0})
    from_below = fine_solution(MIXTURE, low, SEEDS, num_steps=64)
    assert error("edm", from_below, num_steps=64, sigma_max=3.0) < 1e-3
    assert rms(from_below - fine) > 1e-2


def test_a_sampler_that_jumps_to_zero_from_far_above_pays_for_it(fine: torch.Tensor) -> None:
    options = {"num_steps": 32, "sigma_min": 0.3}
    assert torch.equal(fine_solution(MIXTURE, make_sampler("edm", options), SEEDS), fine)
    assert error("edm", fine, **options) > 10 * error("edm", fine, num_steps=32)


def test_pairs_have_a_level_too(fine: torch.Tensor) -> None:
    assert torch.equal(fine_solution(MIXTURE, make_sampler("edict", {"num_steps": 18}), SEEDS), fine)
