"""Runs of the same images that were measured differently."""

from __future__ import annotations

from typing import Any

import pytest

from bdia_edm.report.page.answering import answers_of
from bdia_edm.report.rows import group_records
from tests.report.test_tables import BDIA, record


def study(*figures: dict[str, float]) -> list[Any]:
    """EDM and two gammas, each measured once for each dict of figures; gamma less than EDM in all."""
    found = []
    for number, each in enumerate(figures):
        series = {"series": str(number)}
        found.append(record("edm", 6, 11, None, metrics=each, **series))
        for gamma in (0.25, 0.5):
            less = {name: value - gamma for name, value in each.items()}
            found.append(record("bdia", 6, 11, None, BDIA | {"gamma": gamma}, metrics=less, **series))
    return found


def test_what_has_all_figures_stands_for_what_has_some() -> None:
    few, many = {"fd_digits": 2.0}, {"fd_digits": 2.0, "ode_rms": 4.0}
    for figures in ((few, many), (many, few), (few, many, few)):
        (group,) = group_records(study(*figures))
        assert [row.columns.get("gamma") for row in group.rows] == [None, 0.25, 0.5]
        assert [row.differences for row in group.rows[1:]] == [
            {"fd_digits": -gamma, "ode_rms": -gamma} for gamma in (0.25, 0.5)
        ]
        assert [len(row.copies) for row in group.rows] == [len(figures) - 1] * 3
        (note,) = group.notes
        assert note.startswith("The best gamma is the best of 2 on the seeds")


def test_what_has_a_figure_of_its_own_stays_and_is_counted_once() -> None:
    one, other = {"fd_digits": 2.0, "kid": 3.0}, {"fd_digits": 2.0, "ode_rms": 4.0}
    (group,) = group_records(study(one, other))
    assert [row.columns.get("gamma") for row in group.rows] == [None, None, 0.25, 0.25, 0.5, 0.5]
    # Each figure has a baseline, the first that has it.
    assert [row.differences for row in group.rows[2:4]] == [dict.fromkeys(names, -0.25) for names in (one, other)]
    assert any(note.startswith("The best gamma is the best of 2 on") for note in group.notes)
    (answer,) = answers_of([group])
    (standing,) = answer.standings
    assert (answer.metric, standing.num_rows, standing.picks[0].tried, answer.missing) == ("fd_digits", 2, 2, 0)
    assert standing.picks[0].baseline == 2.0


@pytest.mark.parametrize("other", [{"nfe": 12}, {"sampler": {"name": "edm", "num_steps": 6, "rho": 5}}, {"seeds": "5"}])
def test_other_images_are_other_rows(other: dict[str, Any]) -> None:
    one = record("edm", 6, 11, 1.0)
    assert sum(len(group.rows) for group in group_records([one, one | {"series": "x"}])) == 1
    assert sum(len(group.rows) for group in group_records([one, one | other])) == 2


def test_another_figure_of_the_same_images_is_seen() -> None:
    (group,) = group_records([record("edm", 6, 11, 1.0), record("edm", 6, 11, 1.001)])
    assert len(group.rows) == 2
