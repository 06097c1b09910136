"""What is said of families of samplers, from studies whose truth is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.report import column_plots, heat_maps
from bdia_edm.report.page.answer import Answer
from bdia_edm.report.page.answering import answers_of
from bdia_edm.report.page.settings import tried
from bdia_edm.report.rows import Chosen
from tests.report.page.studies import BLOCKS, Point, edm, gamma, groups_of, study


def answer_of(folder: Path) -> Answer:
    (answer,) = answers_of(groups_of(folder))
    return answer


def test_each_row_is_counted_once(tmp_path: Path) -> None:
    points = [
        edm(11, 1.0),
        gamma(0.1, 11, 0.5),
        gamma(0.2, 11, 1.5),
        gamma(0.3, 11, 1.0001),
        gamma(0.4, 24, 0.3),
        gamma(0.5, 11, 11.0),
        gamma(0.6, 11, math.inf),
        Point("ipndm", 11, [0.4]),
    ]
    answer = answer_of(study(tmp_path, *points))
    bdia, rival = answer.standings
    assert (bdia.family, rival.family) == ("BDIA", "IPNDM")
    counted = {
        name: [row.columns["gamma"] for row in getattr(bdia, name)]
        for name in ("better", "worse", "same", "unjudged", "alone", "exploded")
    }
    assert counted == {
        "better": [0.1],
        "worse": [0.2, 0.5],
        "same": [0.3],
        "unjudged": [0.6],
        "alone": [0.4],
        "exploded": [0.5, 0.6],
    }
    assert bdia.num_rows == 6
    assert [price.nfe for price in answer.prices] == [11, 24]
    assert [pick.family for pick in answer.prices[0].picks] == ["IPNDM", "BDIA"]


def test_the_one_block_that_chooses_does_not_report(tmp_path: Path) -> None:
    """gamma 0.1 is lucky on the first block alone: it is chosen, and what it is worth is told by the others."""
    points = [edm(11, 1.0, 1.0, 1.0), gamma(0.1, 11, 0.2, 0.9, 0.95), gamma(0.2, 11, 0.5, 0.5, 0.5)]
    answer = answer_of(study(tmp_path, *points))
    assert (answer.chose, answer.report) == (BLOCKS[0], BLOCKS[1:])
    (pick,) = answer.standings[0].picks
    assert pick.row.columns == {"gamma": 0.1}
    assert (pick.tried, pick.choices, pick.chosen_on, pick.is_biased) == (2, {"gamma": 2}, BLOCKS[0], False)
    assert pick.figure == pytest.approx(0.925)
    assert pick.comparison is not None
    assert pick.comparison.difference == pytest.approx(-0.075)
    assert pick.comparison.verdict == "better"


def test_with_one_block_the_best_of_many_is_biased(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.2), gamma(0.2, 11, 0.5)))
    (pick,) = answer.standings[0].picks
    assert (pick.figure, pick.tried, pick.is_biased, answer.chose) == (0.2, 2, True, "")


def test_where_nothing_was_chosen_all_blocks_report(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0, 1.2), gamma(0.1, 11, 0.4, 0.6)))
    assert (answer.chose, answer.report) == ("", BLOCKS[:2])
    assert answer.standings[0].picks[0].figure == 0.5
    assert not answer.standings[0].picks[0].is_biased


def test_an_nfe_without_a_choice_is_of_all_blocks_beside_one_with(tmp_path: Path) -> None:
    points = [edm(11, 1.0, 1.0), gamma(0.1, 11, 0.2, 0.9), gamma(0.2, 11, 0.5, 0.5)]
    more = [edm(17, 0.6, 1.0, steps=9), gamma(0.1, 17, 0.3, 0.7, steps=9)]
    answer = answer_of(study(tmp_path, *points, *more))
    chosen, only = answer.standings[0].picks
    assert (chosen.figure, chosen.baseline, chosen.chosen_on) == (0.9, 1.0, BLOCKS[0])
    assert (only.figure, only.baseline, only.chosen_on) == (0.5, 0.8, "")
    assert only.comparison == only.row.comparisons["fd_digits"]
    assert [price.baseline for price in answer.prices] == [1.0, 0.8]


def test_a_choice_in_another_group_is_found(tmp_path: Path) -> None:
    study(tmp_path / "chose", edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.4), seeds=["90000-92999"])
    # Of another number of images they are no blocks of one series.
    study(tmp_path / "reports", edm(11, 1.0), gamma(0.2, 11, 0.45), num_images=2000, keep=False, seeds=["0-1999"])
    answers = answers_of(groups_of(tmp_path))
    (pick,) = answers[1].standings[0].picks
    assert (pick.tried, pick.chosen_on, pick.is_biased) == (2, "90000-92999", False)
    assert answers[0].standings[0].picks[0].is_biased


@pytest.mark.parametrize(
    "other", [{"checksums": {"model": "another network"}}, {"class_idx": 3}, {"device": {"type": "cuda"}}]
)
def test_what_was_chosen_for_another_network_is_no_choice_for_this(other: dict[str, Any], tmp_path: Path) -> None:
    study(tmp_path / "chose", edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.4), seeds=["90000-92999"], **other)
    study(tmp_path / "reports", edm(11, 1.0), gamma(0.2, 11, 0.45), keep=False, seeds=["0-2999"])
    picks = [answer.standings[0].picks[0] for answer in answers_of(groups_of(tmp_path))]
    assert sorted((pick.tried, pick.chosen_on) for pick in picks) == [(1, ""), (2, "")]


def test_a_row_that_was_not_the_best_elsewhere_was_not_chosen_there(tmp_path: Path) -> None:
    study(tmp_path / "chose", edm(11, 1.0), gamma(0.1, 11, 0.3), gamma(0.2, 11, 0.4), seeds=["90000-92999"])
    study(tmp_path / "reports", edm(11, 1.0), gamma(0.2, 11, 0.45), num_images=2000, keep=False, seeds=["0-1999"])
    assert answers_of(groups_of(tmp_path))[1].standings[0].picks[0].tried == 1


def test_rivals_are_paired_on_the_seeds(tmp_path: Path) -> None:
    """The numbers that all share are in no interval of two samplers, of which neither is the baseline."""
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), Point("ipndm", 11, [0.4])))
    ours = next(pick for pick in answer.prices[0].picks if pick.family == "BDIA")
    assert ours.rival is not None
    assert ours.rival.pick.family == "IPNDM"
    assert ours.rival.comparison is not None
    assert ours.rival.comparison.difference == pytest.approx(0.1)
    assert ours.rival.comparison.half_width < 1.96 * 0.1 * math.sqrt(2 / 3000) * 1.1
    assert ours.rival.comparison.verdict == "worse"


def test_more_may_be_better(tmp_path: Path) -> None:
    points = [edm(11, 1.0), gamma(0.1, 11, 2.0), gamma(0.2, 11, 3.0), gamma(0.3, 11, math.nan)]
    answer = answer_of(study(tmp_path, *points, keep=False, higher_is_better=["fd_digits"]))
    assert answer.more_is_better
    assert answer.standings[0].picks[0].figure == 3.0


def test_without_a_baseline_without_figures_and_without_rows(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path / "a", gamma(0.1, 11, 2.0), gamma(0.2, 11, 3.0)))
    assert (answer.prices[0].baseline, len(answer.standings[0].alone)) == (None, 2)
    answers = answers_of(groups_of(study(tmp_path / "b", edm(11, 1.0), metrics={}, keep=False)))
    assert answers == []
    assert answers_of([]) == []


def test_what_has_verdicts_answers_and_else_the_first_figure(tmp_path: Path) -> None:
    study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5))
    for path in tmp_path.glob("*/record.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "metrics": {"recall": 0.5, **content["metrics"]}}))
    assert answer_of(tmp_path).metric == "fd_digits"
    for path in tmp_path.glob("*/uncertainty.npz"):
        path.unlink()
    assert answer_of(tmp_path).metric == "recall"


def test_a_baseline_with_other_options_is_a_family(tmp_path: Path) -> None:
    labels = {"sampler": "edm s_churn=5", "title": "EDM", "columns": {}, "is_baseline": False}
    study(tmp_path / "a", edm(11, 1.0))
    study(tmp_path / "b", edm(11, 0.9), labels=labels)
    assert [each.family for each in answer_of(tmp_path).standings] == ["EDM with other options"]


def test_of_several_baselines_it_takes_the_tables(tmp_path: Path) -> None:
    """And so do the plots."""
    labels = {"sampler": "edm x=1", "title": "EDM", "columns": {}, "is_baseline": True}
    study(tmp_path / "a", edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.4), gamma(0.3, 11, 0.3))
    study(tmp_path / "a", gamma(0.1, 22, 0.5, steps=12), edm(22, 1.0, steps=12), gamma(0.2, 22, 0.4, steps=12), first=4)
    study(tmp_path / "b", edm(11, 2.0), edm(22, 2.0, steps=12), labels=labels)
    (group,) = groups_of(tmp_path)
    (answer,) = answers_of([group])
    assert [price.baseline for price in answer.prices] == [1.0, 1.0]
    (panel, *_) = column_plots._panels(group)
    assert {nfe: row.metrics["fd_digits"] for nfe, row in panel.baselines.items()} == {11: 1.0, 22: 1.0}
    (cells, *_) = heat_maps._panels(replace(group, rows=tuple(replace(row, comparisons={}) for row in group.rows)))
    assert cells.cells[6, 0.1].relative == -0.5


def test_what_has_a_baseline_comes_first(tmp_path: Path) -> None:
    study(tmp_path / "a", gamma(0.1, 11, 0.5), model="alone")
    study(tmp_path / "b", edm(11, 1.0), model="baseline")
    study(tmp_path / "c", edm(11, 1.0), gamma(0.1, 11, 0.5), model="both")
    assert [answer.group.model for answer in answers_of(groups_of(tmp_path))] == ["both", "alone", "baseline"]


def test_what_other_seeds_chose_is_no_choice_here(tmp_path: Path) -> None:
    points = [edm(11, 1.0), gamma(0.1, 11, 0.5), Point("bdia order=2", 11, [0.6], {"gamma": 0.3})]
    (group,) = groups_of(study(tmp_path, *points))
    chosen = [
        None if row.is_baseline else Chosen("gamma", row.columns["gamma"], 3, "9000-9999", "fd_digits")
        for row in group.rows
    ]
    rows = tuple(replace(row, chosen=each) for row, each in zip(group.rows, chosen, strict=True))
    (answer,) = answers_of([replace(group, rows=rows)])
    (pick,) = answer.standings[0].picks
    assert (pick.choices, pick.is_biased) == ({"options": 2}, True)
    assert tried(pick) == "gamma best of 3 on seeds 9000-9999; best of 2 of options on these seeds: biased"
    alone = replace(group, rows=rows[:2])
    (pick,) = answers_of([alone])[0].standings[0].picks
    assert not pick.is_biased
    assert tried(pick) == "gamma best of 3 on seeds 9000-9999"
    # The seeds that chose report nothing.
    assert answers_of([replace(group, is_choice=True)]) == []
