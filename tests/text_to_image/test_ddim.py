"""DDIM and its inversion: the states of diffusers, of the ldm code and of the BELM repository."""

from __future__ import annotations

import pytest

from bdia_edm.text_to_image.ddim import DDIM, ddim, ddim_back
from tests.text_to_image.levels_of_cases import case_levels
from tests.text_to_image.pipelines import CASES, assert_meets, cases, estimate, given


def predicts(case: str) -> str:
    return str(CASES[case].get("scheduler", {}).get("prediction_type", "epsilon"))


# diffusers' linspace leads to other levels: test_scheduler.py.
@pytest.mark.parametrize("case", [case for case in cases("ddim_sampling") if "linspace" not in case])
def test_sampling(case: str) -> None:
    eps = estimate("source", CASES[case]["guidance"], predicts=predicts(case))
    assert_meets([given("xT"), *ddim(eps, given("xT"), case_levels(case))], case, "x")


@pytest.mark.parametrize("case", cases("ddim_inversion:diffusers"))
def test_inversion_as_diffusers(case: str) -> None:
    eps = estimate("source", CASES[case]["guidance"], predicts=predicts(case))
    assert_meets([given("x0"), *ddim_back(eps, given("x0"), case_levels(case)[::-1])], case, "x")


@pytest.mark.parametrize("case", cases("ddim_inversion:belmrepo"))
def test_inversion_and_back_as_the_belm_repository(case: str) -> None:
    method = DDIM(network_time="here")
    levels = case_levels(case, method.data_time(10, 1000))
    eps = estimate("source", CASES[case]["guidance"])
    *_, last = inverse = [given("x0"), *ddim_back(eps, given("x0"), levels[::-1], network_time="here")]
    assert_meets(inverse, case, "x")
    kept = method.invert(eps, given("x0"), levels)
    assert kept.states.equal(last[None])
    assert_meets([last, *(states[0] for states in method.forward(eps, kept, levels))], case, "forward")
