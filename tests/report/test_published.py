"""Published figures of cards beside ours, and whether ours is the same."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pytest

from bdia_edm.report.group import Row
from bdia_edm.report.published import Published, with_published
from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_csv, to_latex, to_markdown
from tests.report.test_tables import record

SEEDS = ["0-49999", "50000-99999", "100000-149999"]
FILES = {"path": "https://host/network.pkl", "reference": "https://host/statistics.npz"}
CARD = {
    "fid": 1.79,
    "sampler": "edm, 18 steps, 35 evaluations",
    "source": "a paper",
    "of": FILES,
    "options": {"name": "edm", "num_steps": 18},
    "nfe": 35,
    "blocks": SEEDS,
}


def blocks(*figures: float, name: str = "edm", error: float | None = 0.005, **changed: Any) -> list[dict[str, Any]]:
    """One record for each block of the published seeds, of one series."""
    found = []
    for seeds, figure in zip(SEEDS, figures, strict=False):
        one = record(name, 18, 35, None, metrics={"fid": figure}, seeds=seeds, num_images=50_000, series=name)
        one["config"] = {"model": FILES | {"published": CARD}}
        if error is not None:
            one["uncertainty"] = {"fid": {"standard_error": error, "method": "influence"}}
        found.append(one | changed)
    return found


def only_row(records: list[dict[str, Any]]) -> Row:
    (group,) = group_records(records)
    (row,) = group.rows
    return row


@pytest.mark.parametrize(
    ("figures", "error", "beyond", "verdict"),
    [
        ((1.83, 1.80, 1.84), 0.005, 0.01, "reproduced"),
        ((1.83, 1.8099, 1.84), 0.0051, 0.0199, "reproduced"),
        ((1.83, 1.82, 1.84), 0.005, 0.03, "not reproduced (+0.030)"),
        ((1.75, 1.82, 1.84), 0.005, -0.04, "not reproduced (-0.040)"),
        # Without an interval there is still what rounding explains, and more cannot be told.
        ((1.83, 1.80, 1.84), None, 0.01, "reproduced"),
        ((1.83, 1.82, 1.84), None, 0.03, "no interval"),
    ],
)
def test_the_least_of_three_is_held_against_the_published_one(
    figures: tuple[float, ...], error: float | None, beyond: float, verdict: str
) -> None:
    row = only_row(blocks(*figures, error=error))
    assert (row.published, row.reproduced) == (1.79, verdict)
    assert row.beyond_published == pytest.approx(beyond)


def test_the_interval_is_that_of_the_least_block() -> None:
    records = blocks(1.83, 1.81, 1.84)
    records[1]["uncertainty"]["fid"]["standard_error"] = 0.001
    assert only_row(records).reproduced == "not reproduced (+0.020)"
    records[1]["uncertainty"]["fid"]["standard_error"] = 0.01
    assert only_row(records).reproduced == "reproduced"


@pytest.mark.parametrize(
    ("method", "least", "error", "verdict"),
    [
        # Rounding alone needs no interval.
        ("influence", 1.8, 0.5, "reproduced"),
        # Beside it 1.96 standard errors of many images, and 2.093 where there are 20 groups of few.
        ("influence", 1.8249, 0.0128, "reproduced"),
        ("influence", 1.8253, 0.0128, "not reproduced (+0.035)"),
        ("jackknife", 1.8253, 0.0128, "reproduced"),
        ("jackknife", 1.827, 0.0128, "not reproduced (+0.037)"),
        # 2 % of 1.79 are 0.0358.
        ("influence", 1.82, 0.0182, "reproduced"),
        ("influence", 1.82, 0.0184, "interval too wide to tell"),
        ("jackknife", 1.82, 0.0182, "interval too wide to tell"),
        ("influence", 2.5, 5.0, "interval too wide to tell"),
        ("influence", 2.5, math.inf, "interval too wide to tell"),
        ("influence", 2.5, 0.1, "not reproduced (+0.710)"),
        ("a later one", 1.82, 0.02, "no interval"),
    ],
)
def test_the_interval_is_the_methods_and_a_wide_one_says_nothing(
    method: str, least: float, error: float, verdict: str
) -> None:
    records = blocks(9.0, least, 9.0)
    for one in records:
        one["uncertainty"] = {"fid": {"standard_error": error, "method": method}}
    assert only_row(records).reproduced == verdict


def test_statistics_for_another_detector_change_nothing() -> None:
    model = FILES | {"published": CARD, "references": {"pixels": "mine.npz"}}
    distances = {"inception": "fid", "pixels": "fd_pixels"}
    assert only_row(blocks(1.8, 1.8, 1.8, config={"model": model}, distances=distances)).reproduced == "reproduced"


def test_fewer_blocks_have_no_verdict() -> None:
    row = only_row(blocks(1.80, 1.81))
    assert (row.published, row.beyond_published, row.reproduced) == (1.79, None, "2 of 3 blocks")
    # Of other seeds none is of the figure.
    row = only_row([each | {"seeds": "0-2999", "num_images": 3000} for each in blocks(1.80)])
    assert (row.published, row.reproduced) == (1.79, "0 of 3 blocks")


@pytest.mark.parametrize(
    "other",
    [
        {"nfe": 33},
        {"sampler": {"name": "edm", "num_steps": 17}},
        {"labels": {"sampler": "edm rho=5", "title": "EDM", "columns": {}, "is_baseline": False}},
        {"labels": {"sampler": "edm", "title": "EDM", "columns": {"order": 3}, "is_baseline": True}},
        {"class_idx": 3},
        {"task": "invert"},
        {"config": {"model": FILES | {"published": {"fid": 1.79, "sampler": "edm", "source": "an earlier card"}}}},
        # Under the card's name, with another network or other statistics.
        {"config": {"model": FILES | {"published": CARD, "path": "mine.pkl"}}},
        {"config": {"model": FILES | {"published": CARD, "reference": "mine.npz"}}},
        {
            "config": {"model": FILES | {"published": CARD, "references": {"inception": "mine.npz"}}},
            "detector": "inception",
        },
        {
            "config": {"model": FILES | {"published": CARD, "references": {"inception": "mine.npz"}}},
            "distances": {"inception": "fid"},
        },
        {"config": {"model": FILES | {"published": {key: CARD[key] for key in CARD if key != "of"}}}},
        {"config": {"model": FILES | {"published": CARD | {"of": {"path": FILES["path"]}}}}},
        {"config": {"model": FILES | {"published": CARD | {"fid": "low"}}}},
        {"config": {"model": FILES | {"published": CARD | {"fid": 10**400, "nfe": 10**400}}}},
        {"config": {"model": FILES | {"published": CARD | {"blocks": []}}}},
        {"config": {"model": FILES | {"published": CARD | {"options": []}}}},
        {"config": {}},
    ],
)
def test_what_it_was_not_published_for_has_none(other: dict[str, Any]) -> None:
    (group,) = group_records(blocks(1.80, 1.81, 1.82, **other))
    assert [(row.published, row.reproduced) for row in group.rows] == [(None, "")]
    assert group.published_metric == ""


def test_settings_that_are_not_defaults_are_the_cards() -> None:
    labels = {"sampler": "edm S_churn=40.0 S_noise=1.003", "title": "EDM", "columns": {}, "is_baseline": False}
    sampler = {"name": "edm", "num_steps": 18, "S_churn": 40.0, "S_noise": 1.003}
    card = CARD | {"options": {"name": "edm", "num_steps": 18, "S_churn": 40, "S_noise": 1.003}}
    records = blocks(1.8, 1.8, 1.8, labels=labels, sampler=sampler, config={"model": FILES | {"published": card}})
    assert only_row(records).reproduced == "reproduced"
    assert only_row([each | {"sampler": sampler | {"S_churn": 30}} for each in records]).published is None


def test_the_columns_and_the_note() -> None:
    (group,) = group_records([*blocks(1.83, 1.82, 1.84), *blocks(1.5, 1.6, 1.7, name="bdia")])
    text = to_markdown([group])
    head, _, edm, bdia = text.splitlines()[2:6]
    assert head.endswith("| published fid | less published | reproduced | images/s |")
    assert edm.endswith("| 1.790 | +0.030 | not reproduced (+0.030) | 123 |")
    assert bdia.endswith("|  |  |  | 123 |")
    assert "The published fid is of seeds 0-49999; 50000-99999; 100000-149999, the least of these." in text
    assert "& published FID & less published & reproduced & images/s" in to_latex([group])
    rows = list(csv.DictReader(io.StringIO(to_csv([group]))))
    assert [(row["published"], row["reproduced"]) for row in rows] == [("1.79", "not reproduced (+0.030)"), ("", "")]


def test_a_block_without_the_figure_is_none_of_it() -> None:
    records = blocks(1.8, 1.8, 1.8)
    records[2]["metrics"] = {}
    (group,) = group_records(records)
    # The row has no figure either, as not all of its blocks have.
    assert [(row.metrics, row.published, row.reproduced) for row in group.rows] == [({}, 1.79, "")]


def test_an_experiments_figures_go_before_the_cards() -> None:
    records = blocks(1.83, 1.82, 1.84)
    records += [record("euler", 6, 5, None, metrics={"fid": 50.0}, seeds=each["seeds"]) for each in records]
    for one in records[3:]:
        one |= {"series": "euler", "num_images": 50_000, "command": "e"}
    (group,) = with_published(group_records(records), Published("fid", "a README", {"e": 49.5}, 50_000))
    assert [(row.published, row.reproduced) for row in group.rows] == [(1.79, "not reproduced (+0.030)"), (49.5, "")]
    # Of another figure no two stand in one column.
    (group,) = with_published(group_records(records), Published("kid", "a README", {"e": 0.5}, 50_000))
    assert [(row.published, row.beyond_published, row.reproduced) for row in group.rows] == [
        (None, None, ""),
        (0.5, None, ""),
    ]


@pytest.mark.parametrize(("num_images", "beyond", "said"), [(3000, -0.5, False), (50_000, None, True)])
def test_an_experiments_figures_are_subtracted_of_as_many_images_alone(
    num_images: int, beyond: float | None, said: bool
) -> None:
    (group,) = group_records([record("euler", 6, 5, None, metrics={"fid": 49.5}, command="e")])
    (group,) = with_published([group], Published("fid", "a README", {"e": 50.0}, num_images))
    assert [(row.published, row.beyond_published) for row in group.rows] == [(50.0, beyond)]
    note = "No difference from the published fid: published for 50,000 images; these have 3,000."
    assert (note in group.notes) == said
