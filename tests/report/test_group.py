"""Groups of rows: what they are called, what is compared, and with which row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bdia_edm.report.group import Group, baselines_of, title_of, union
from bdia_edm.report.verdict import Comparison
from tests.report.test_bands import PLAIN

GROUP = Group("digits", ("0-9",), 10, None, (), ("fid", "kid", "kid_se", "is", "is_deviation"), "edm", (PLAIN,))


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({}, "digits: 10 images (seeds 0-9)"),
        ({"class_idx": 3}, "digits: 10 images (seeds 0-9, class 3)"),
        ({"seeds": ("0-9", "20-29")}, "digits: 2 times 10 images (seeds 0-9; 20-29)"),
        ({"task": "invert", "num_images": 1000}, "digits: 1,000 images (numbers 0-9)"),
        ({"is_choice": True}, "digits: 10 images (choosing seeds 0-9)"),
    ],
)
def test_its_subject(changed: dict[str, object], subject: str) -> None:
    assert replace(GROUP, **changed).subject == subject  # type: ignore[arg-type]


def test_how_sure_a_figure_is_is_not_compared() -> None:
    assert GROUP.compared == ("fid", "kid", "is")
    assert GROUP.title == "digits: 10 images (seeds 0-9), fid, kid, is"
    assert replace(GROUP, metrics=()).title.endswith(", nothing measured")


def test_what_is_judged_comes_in_the_figures_order() -> None:
    comparison = Comparison(-1.0, -2.0, -0.5, -0.5, "influence", True)
    row = replace(PLAIN, comparisons={"kid": comparison, "fid": comparison})
    assert replace(GROUP, rows=(PLAIN, row)).judged == ("fid", "kid")
    assert GROUP.judged == ()


def test_the_first_baseline_of_an_nfe_that_has_the_figure() -> None:
    without = replace(PLAIN, metrics={"kid": 0.1})
    second = replace(PLAIN, command="second")
    other = replace(PLAIN, is_baseline=False, nfe=17)
    assert baselines_of([without, PLAIN, second, other], "edm", "fid") == {11: PLAIN}
    assert baselines_of([other], "edm", "fid") == {}


def test_names_in_the_order_in_which_they_come() -> None:
    assert union([("b", "a"), ("c", "a")]) == ("b", "a", "c")
    assert title_of(replace(PLAIN, sampler="bdia rho=5")) == "bdia"
