"""EDICT: the states of its authors, of the BELM repository, and of diffusers' community pipeline with its slip."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from bdia_edm.text_to_image.edict import EDICT, edict, edict_back
from tests.text_to_image.levels_of_cases import case_levels
from tests.text_to_image.pipelines import CASES, array, assert_meets, cases, estimate, given


@pytest.mark.parametrize("case", [case for case in cases("edict:", "derived:edict") if "sampling" not in case])
def test_round_trip(case: str) -> None:
    facts = CASES[case]
    x0, levels = given("x0"), case_levels(case)
    options = {"p": facts["p"], "leapfrog": facts.get("leapfrog", True)}
    eps = estimate(facts["prompts"][0], facts["guidance"])
    start = torch.stack([x0, x0])
    community = case.startswith("edict:diffusers")
    inverse = [start, *edict_back(eps, x0, x0, levels[::-1], from_clean_end=community, **options)]
    assert_meets(inverse, case, "inverse")
    assert eps.evaluations == 2 * (len(levels) - 1) * (1 if facts["guidance"] == 1 else 2)
    eps = estimate(facts["prompts"][1], facts["guidance"])
    name = "edit" if case.startswith("derived") else "forward"
    assert_meets([inverse[-1], *edict(eps, *inverse[-1], levels, **options)], case, name)


@pytest.mark.parametrize("case", cases("edict:official_sampling"))
def test_sampling(case: str) -> None:
    eps = estimate("source", CASES[case]["guidance"])
    way = edict(eps, given("xT"), given("xT"), case_levels(case), p=0.93)
    assert_meets([torch.stack([given("xT")] * 2), *way], case, "forward")


@pytest.mark.parametrize(("leapfrog", "error"), [("noisy_end", 1e-12), ("off", 1e-12), ("clean_end", 1.0)])
def test_only_the_slip_does_not_come_back(leapfrog: str, error: float) -> None:
    """Seven steps, an odd number."""
    levels = case_levels("edict:diffusers_n10_g3_s0.7_offset0_same")
    method = EDICT(leapfrog=leapfrog)
    guidance = 3.0 if leapfrog == "clean_end" else 1.0
    kept = method.invert(estimate("source", guidance), given("x0"), levels)
    *_, pair = method.forward(estimate("source", guidance), kept, levels)
    missed = float((pair[0] - given("x0")).abs().max())
    assert missed < error
    if leapfrog == "clean_end":
        (forward,) = islice(reversed(array("edict:diffusers_n10_g3_s0.7_offset0_same", "forward")), 1)
        assert missed == pytest.approx(float((forward[0] - given("x0")).abs().max()), rel=1e-6)
        assert missed > 0.3
