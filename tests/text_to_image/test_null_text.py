"""Null-text and negative-prompt inversion: the states, embeddings and losses of the public script."""

from __future__ import annotations

from itertools import chain

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.ddim import ddim, ddim_back
from bdia_edm.text_to_image.null_text import NullText, learning_rate, null_text, with_negatives
from tests.text_to_image.levels_of_cases import case_levels
from tests.text_to_image.pipelines import CASES, array, assert_meets, cases, estimate, given, pipeline, probe_agrees

CASES_HERE = cases("null_text")


@pytest.mark.parametrize("case", CASES_HERE)
def test_as_the_public_script(case: str) -> None:
    facts = CASES[case]
    levels, guidance = case_levels(case), facts["guidance"]
    eps = estimate("source", guidance)
    pivot = [given("x0"), *ddim_back(eps, given("x0"), levels[::-1], guided=False)]
    assert_meets(pivot, case, "pivot")
    assert eps.evaluations == len(levels) - 1

    eps = estimate("source", guidance)
    found = list(null_text(eps, pivot[::-1], levels, inner_steps=facts["inner"], early_stop=facts["epsilon"]))
    losses = list(chain.from_iterable(each.losses for each in found))
    wanted = array(case, "losses")
    assert len(losses) == len(wanted) == eps.gradients
    assert eps.evaluations == len(losses) + 3 * (len(levels) - 1)
    torch.testing.assert_close(
        torch.tensor(losses, dtype=torch.float64), wanted, rtol=0, atol=1e-9 if probe_agrees() else 1e-4
    )
    negatives = torch.cat([each.u for each in found])
    most = float(array(case, "uncond").abs().max()) * (1e-9 if probe_agrees() else 1e-4)
    assert float((negatives - array(case, "uncond")).abs().max()) < most
    assert_meets([pivot[-1], *(each.z for each in found)], case, "reconstruction")


@pytest.mark.parametrize("case", CASES_HERE)
def test_the_way_forward(case: str) -> None:
    levels, guidance = case_levels(case), CASES[case]["guidance"]
    start, negatives = array(case, "pivot")[-1:], array(case, "uncond")
    edit, source = estimate("edit", guidance), estimate("source", guidance)
    assert_meets([start, *with_negatives(edit, start, negatives, levels)], case, "edit")
    assert_meets([start, *ddim(source, start, levels)], case, "without_optimisation")


@pytest.mark.parametrize("case", CASES_HERE)
def test_negative_prompt(case: str) -> None:
    levels, guidance = case_levels(case), CASES[case]["guidance"]
    start = array(case, "pivot")[-1:]
    source, edit = estimate("source", guidance), estimate("edit", guidance)
    edit.negative = source.prompt
    assert_meets([start, *ddim(edit, start, levels)], case, "negative_prompt_edit")
    source.negative = source.prompt
    assert_meets([start, *ddim(source, start, levels)], case, "negative_prompt")
    assert source.evaluations == len(levels) - 1, "guidance cancels: one evaluation a step"


def test_the_network_is_left_as_it_was() -> None:
    case = "null_text:n5_inner10_g7.5_early"
    weights = list(pipeline().unet.parameters())
    asked = [weight.requires_grad for weight in weights]
    method = NullText(early_stop=100.0)
    kept = method.invert(estimate("source", 7.5), given("x0"), case_levels(case))
    assert kept.negatives is not None
    assert kept.negatives.shape == (5, 77, 32)
    assert not kept.negatives.requires_grad
    assert [weight.requires_grad for weight in weights] == asked
    assert all(weight.grad is None for weight in weights)


def test_the_learning_rate_stays_above_zero() -> None:
    """The published one, 0.01 (1 - n/100), is 0 at step 100 and below it after."""
    assert [learning_rate(n, 50) for n in (0, 25)] == [0.01, pytest.approx(0.0075)]
    assert all(learning_rate(n, num_steps) > 0 for num_steps in (100, 101, 500) for n in range(num_steps))


def test_without_guidance_there_is_nothing_to_optimise() -> None:
    with pytest.raises(UserError, match="guidance_scale=1"):
        NullText().check([], torch.float64, 1.0)
