"""O-BELM: the states of its repository and of the formula."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.obelm import OBELM, obelm
from bdia_edm.text_to_image.prediction import Level
from tests.text_to_image.levels_of_cases import case_levels
from tests.text_to_image.pipelines import CASES, array, assert_meets, cases, estimate, given


@pytest.mark.parametrize("case", [case for case in cases("belm:", "derived:obelm") if CASES[case].get("start") != "xT"])
def test_round_trip(case: str) -> None:
    facts = CASES[case]
    of_repository = case.startswith("belm")
    method = OBELM(seed="time_1" if of_repository else "time_0")
    levels = case_levels(case, method.data_time(10, 1000))
    inverse = [given("x0"), *obelm(estimate("source", facts["guidance"]), given("x0"), levels[::-1])]
    assert_meets(inverse, case, "inverse")
    forward = {"forward": "source", "forward_edit": "edit", "edit": "edit"}
    for name, prompt in forward.items():
        if name in facts["arrays"]:
            eps = estimate(prompt, facts["guidance"])
            assert_meets([inverse[-1], *obelm(eps, inverse[-1], levels, second=inverse[-2])], case, name)


@pytest.mark.parametrize(
    "case", [case for case in cases("belm:", "derived:obelm") if {"x", "sampling"} & set(CASES[case]["arrays"])]
)
def test_sampling(case: str) -> None:
    way = obelm(estimate("source", CASES[case]["guidance"]), given("xT"), case_levels(case))
    assert_meets([given("xT"), *way], case, "x" if "x" in CASES[case]["arrays"] else "sampling")


def test_the_method_keeps_the_pair_and_comes_back() -> None:
    case = "derived:obelm_g3_s0.8"
    levels, method = case_levels(case), OBELM()
    kept = method.invert(estimate("source", 3.0), given("x0"), levels)
    torch.testing.assert_close(kept.states[:, 0], array(case, "inverse")[[-1, -2]], rtol=0, atol=1e-9)
    *_, states = method.forward(estimate("source", 3.0), kept, levels)
    torch.testing.assert_close(states[0], given("x0"), rtol=0, atol=1e-12)


def test_a_step_of_length_zero_is_refused() -> None:
    levels = [Level(100, 0.8, 0.6), Level(0, 0.99, 0.14), Level(0, 0.99, 0.14)]
    with pytest.raises(UserError, match=r"length zero.*set_alpha_to_one=True"):
        OBELM().check(levels, torch.float64, 1.0)
