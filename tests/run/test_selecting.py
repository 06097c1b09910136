"""Which runs differ in one option alone, and which of them is the best."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bdia_edm.api import prepare
from bdia_edm.base.errors import UserError
from bdia_edm.run.selecting import alike_but_for, at_equal_nfe, best_of, read_option, selection_of


def runs(*points: str, seeds: str = "0-9", detector: str = "pixels") -> list[Any]:
    shared = ["+model=gaussian_mixture", "model.reference_samples=100", f"seeds={seeds}", f"detector={detector}"]
    return [prepare(*shared, *point.split()) for point in points]


BDIA = "sampler=bdia sampler.num_steps=3 sampler.gamma="
POINTS = ["sampler=edm sampler.num_steps=3", f"{BDIA}0.2", f"{BDIA}0.5 sampler.rho=5", f"{BDIA}0.5", f"{BDIA}0.2"]


def test_those_that_differ_in_the_option_alone() -> None:
    """By what they are, not by how it was written; the same once more is no other value."""
    found = runs(*POINTS, "sampler=bdia sampler.num_steps=3")
    (default,) = {run.config.sampler.gamma for run in found[-1:]}
    assert default not in (0.2, 0.5)
    assert alike_but_for("gamma", found) == [[1, 3, 5]]
    assert alike_but_for("rho", found) == [[2, 3]]
    with pytest.raises(UserError, match=r"^select=gama: no .*; gamma, rho can be chosen; did you mean gamma\?$"):
        alike_but_for("gama", found)
    with pytest.raises(UserError, match=r"no option has several$"):
        alike_but_for("gamma", found[:2])


def test_lists_and_numbers_of_steps_are_not_chosen() -> None:
    levels = "sampler=heun ~sampler.num_steps sampler.t_steps="
    found = runs(f"{levels}[80,1]", f"{levels}[70,1]", *POINTS[1:3], f"{BDIA}0.2 sampler.num_steps=4")
    with pytest.raises(UserError, match=r"^select=t_steps: has lists of values; among numbers, texts, true and false"):
        alike_but_for("t_steps", found)
    # Nor are they offered.
    with pytest.raises(UserError, match=r"all else equal; no option has several$"):
        alike_but_for("gamma", found)


def test_figures_compare_at_equal_nfe_alone() -> None:
    records: Any = {index: {"nfe": nfe} for index, nfe in enumerate((5, 6, 5, 7, 7, 6))}
    assert at_equal_nfe("backward", [[0, 1, 2], [3, 4], [5]], records) == [[0, 2], [1], [3, 4], [5]]
    with pytest.raises(UserError, match=r"^select=order: figures .* no two of its values have one \(NFE 5, 6\)$"):
        at_equal_nfe("order", [[0, 1], [2, 5]], {index: records[index] for index in (0, 1, 2, 5)})


def test_without_a_figure_nothing_is_chosen() -> None:
    with pytest.raises(UserError, match=r"^select=gamma: chooses by the first metric, and nothing is measured"):
        alike_but_for("gamma", runs(*POINTS, detector="none"))


def measured(*figures: float, higher: bool = False) -> list[Any]:
    return [{"metrics": {"x": each, "y": -each}, "higher_is_better": ["x"] if higher else []} for each in figures]


def test_the_best_is_by_the_first_metric() -> None:
    assert best_of(measured(3.0, 1.0, 2.0)) == 1
    assert best_of(measured(3.0, 1.0, 2.0, higher=True)) == 0
    assert best_of(measured(2.0, 1.0, 1.0)) == 1
    assert best_of(measured(math.nan, math.inf, 5.0)) == 2
    assert best_of(measured(-math.inf, 4.0, 5.0)) == 1
    assert best_of(measured(math.nan)) == 0
    with pytest.raises(UserError, match="x is finite in none of 2 runs among"):
        best_of(measured(math.nan, math.inf))


def test_what_is_kept_of_it() -> None:
    choosing, reporting = runs(*POINTS), runs(*POINTS, seeds="20-29")
    found = selection_of("gamma", [choosing, reporting], [[1, 3]], [1], "fd_pixels")
    assert found == {
        "option": "gamma",
        "metric": "fd_pixels",
        "seeds": "0-9",
        "choices": [
            {
                "value": 0.5,
                "among": [0.2, 0.5],
                "choosing": [choosing[1].folder.name, choosing[3].folder.name],
                "reporting": [reporting[3].folder.name],
            }
        ],
    }


def test_of_one_alone_nothing_was_chosen() -> None:
    """It is kept that its run was on the choosing seeds, so that no table reports it."""
    choosing, reporting = runs(*POINTS), runs(*POINTS, seeds="20-29")
    (found,) = selection_of("gamma", [choosing, reporting], [[1]], [0], "fd_pixels")["choices"]
    assert (found["choosing"], found["reporting"]) == ([choosing[1].folder.name], [])


def test_where_there_is_nothing_to_choose_on() -> None:
    assert read_option("gamma", "sample", 2) == "gamma"
    assert read_option(None, "edit", 1) is None
    with pytest.raises(UserError, match="needs two blocks of seeds"):
        read_option("gamma", "sample", 1)
    with pytest.raises(UserError, match="null with task=edit"):
        read_option("gamma", "edit", 2)
    with pytest.raises(UserError, match=r"^select=num_steps: figures compare at equal NFE alone"):
        read_option("num_steps", "sample", 2)
    for given in (["gamma"], {"a": 1}, 3, True):
        with pytest.raises(UserError, match=r"^select=.*: must be the name of one option of a sampler"):
            read_option(given, "sample", 2)
