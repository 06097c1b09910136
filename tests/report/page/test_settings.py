"""Rows by their settings."""

from __future__ import annotations

from pathlib import Path

from bdia_edm.report.page.settings import name_of, tried
from tests.report.page.studies import edm, gamma, groups_of, study
from tests.report.page.test_answering import answer_of


def test_a_row_in_a_line(tmp_path: Path) -> None:
    (group,) = groups_of(study(tmp_path, gamma(0.1, 11, 0.5), edm(11, 1.0)))
    assert [name_of(row) for row in group.rows] == ["edm, 6 steps, NFE 11", "bdia, gamma 0.1, 6 steps, NFE 11"]


def test_how_a_setting_was_chosen(tmp_path: Path) -> None:
    points = [edm(11, 1.0), *(gamma(value, 11, 0.5, steps=steps) for value in (0.1, 0.2) for steps in (6, 7))]
    (pick,) = answer_of(study(tmp_path, *points)).standings[0].picks
    assert tried(pick) == "best of 4 (2 of gamma, 2 of steps) on these seeds: biased"
