"""BDIA of latents: the public code's states, the core's BDIA, and round trips exact to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bdia_edm.samplers.bdia import bdia as core_bdia
from bdia_edm.samplers.integrators import euler
from bdia_edm.text_to_image.bdia import BDIA, bdia, bdia_back
from bdia_edm.text_to_image.prediction import Level, Prediction
from tests.text_to_image.levels_of_cases import case_levels
from tests.text_to_image.pipelines import CASES, array, assert_meets, cases, estimate, given


@pytest.mark.parametrize("case", cases("bdia_sampling"))
def test_sampling_as_public_code(case: str) -> None:
    facts = CASES[case]
    predicts = "v_prediction" if facts.get("prediction_type") == "v" else "epsilon"
    eps = estimate("source", facts["guidance"], predicts=predicts)
    levels = case_levels(case)
    assert_meets([given("xT"), *bdia(eps, given("xT"), levels, gamma=facts["gamma"])], case, "x")
    assert eps.evaluations == (len(levels) - 1) * (1 if facts["guidance"] == 1 else 2)


@pytest.mark.parametrize("case", cases("bdia_roundtrip:official"))
def test_round_trip_as_the_authors(case: str) -> None:
    facts = CASES[case]
    method = BDIA(gamma=facts["gamma"], seed="minus_spacing")
    levels = case_levels(case, method.data_time(facts["steps"], 1000))
    assert levels[-1].time == array(case, "inverse_network_t")[0] == -100
    eps = estimate(facts["prompts"][0], facts["guidance"])
    inverse = [given("x0"), *bdia_back(eps, given("x0"), levels[::-1], gamma=facts["gamma"])]
    assert_meets(inverse, case, "inverse")
    eps = estimate(facts["prompts"][1], facts["guidance"])
    last, before = array(case, "inverse")[[-1, -2]][:, None]
    assert_meets([last, *bdia(eps, last, levels, gamma=facts["gamma"], second=before)], case, "forward")


@pytest.mark.parametrize("case", cases("bdia_roundtrip:belmrepo"))
def test_round_trip_as_the_belm_repository_with_its_slip(case: str) -> None:
    facts = CASES[case]
    method = BDIA(gamma=facts["gamma"], seed="ones")
    levels = case_levels(case)
    eps = estimate("source", facts["guidance"])
    kept = method.invert(eps, given("x0"), levels)
    assert eps.evaluations == 9 * (1 if facts["guidance"] == 1 else 2)
    inverse = bdia_back(
        eps, given("x0"), levels[::-1], gamma=facts["gamma"], second=method.seed_of(given("x0"), levels)
    )
    assert_meets([given("x0"), *inverse], case, "inverse")
    for name, prompt in (("forward", "source"), ("forward_edit", "edit")):
        eps = estimate(prompt, facts["guidance"])
        way = [states[0] for states in method.forward(eps, kept, levels)]
        assert_meets([kept.states[0], *way], case, name)


@pytest.mark.parametrize("case", cases("derived:bdia"))
def test_as_the_formula(case: str) -> None:
    facts = CASES[case]
    gamma, guidance, predicts = facts["gamma"], facts["guidance"], facts["prediction_type"]
    levels = case_levels(case)
    inverse = [
        given("x0"),
        *bdia_back(estimate("source", guidance, predicts=predicts), given("x0"), levels[::-1], gamma=gamma),
    ]
    assert_meets(inverse, case, "inverse")
    last, before = inverse[-1], inverse[-2]
    edit = bdia(estimate("edit", guidance, predicts=predicts), last, levels, gamma=gamma, second=before)
    assert_meets([last, *edit], case, "edit")
    if "sampling" in facts["arrays"]:
        eps = estimate("source", guidance, predicts=predicts)
        assert_meets([given("xT"), *bdia(eps, given("xT"), levels, gamma=gamma)], case, "sampling")


class Answers:
    """A smooth function of the latent in the network's place."""

    def __call__(self, z: Tensor, level: Level) -> Prediction:
        e = torch.sin(3 * z + level.time / 300)
        return Prediction((z - level.sigma * e) / level.alpha, e)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_it_is_the_cores_bdia(gamma: float) -> None:
    """In the core's states x = z/alpha, its levels sigma/alpha, and scaling vp; integrator euler."""
    levels = case_levels("derived:bdia_gamma1_g7.5")
    by_sigma = {level.sigma / level.alpha: level for level in levels}

    def denoiser(x: Tensor, sigma: float) -> Tensor:
        level = by_sigma[sigma]
        return Answers()(level.alpha * x, level).x0

    z = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = list(bdia(Answers(), z, levels, gamma=gamma))  # type: ignore[arg-type]
    theirs = core_bdia(denoiser, z / levels[0].alpha, list(by_sigma), gamma=gamma, integrator=euler, scaling="vp")
    for level, our, their in zip(levels[1:], ours, theirs, strict=True):
        torch.testing.assert_close(our, level.alpha * their, rtol=0, atol=1e-12)
