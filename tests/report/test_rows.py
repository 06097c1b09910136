"""Rows: their order, their differences from the baseline, and what stands beside them."""

from __future__ import annotations

import csv
import io
import math
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.report.rows import Published, group_records, with_published
from bdia_edm.report.tables import to_csv, to_latex, to_markdown
from tests.report.test_tables import BDIA, blocks, record


def test_every_metric_has_a_column_and_a_difference() -> None:
    records = [
        record("edm", 6, 11, None, metrics={"fid": 2.5, "recall": 0.5}),
        record("bdia", 6, 11, None, BDIA, metrics={"fid": 2.0, "recall": 0.75, "kid": 0.125}),
        record("bdia", 9, 17, None, BDIA, metrics={"fid": 1.0}),
    ]
    text = to_markdown(group_records(records))
    assert text.startswith("### digits: 3,000 images (seeds 0-2999), fid, recall, kid\n")
    head, _, *rows = text.splitlines()[2:]
    assert head.split(" | ")[5:-1] == [
        "fid",
        "fid vs EDM at this NFE",
        "recall",
        "recall vs EDM at this NFE",
        "kid",
        "kid vs EDM at this NFE",
    ]
    assert [row.split(" | ")[5:-1] for row in rows] == [
        ["2.500", "", "0.500", "", "", ""],
        ["2.000", "-0.500", "0.750", "+0.250", "0.125", ""],
        ["1.000", "", "", "", "", ""],
    ]


def test_the_order_of_rows_is_theirs_and_not_the_folders() -> None:
    records = [record("edm", steps, steps, 1.0) for steps in (4, 18)]
    records += [record("edm S_churn=10.0", 4, 4, 1.0), record("ablation", 4, 4, 1.0)]
    records += [
        record("bdia", steps, steps, 1.0, {"backward": backward, "gamma": gamma})
        for backward in ("euler", "heun")
        for gamma in (0.05, 0.1, 1)
        for steps in (6, 10)
    ]

    def shown(given: list[dict[str, Any]]) -> list[tuple[object, ...]]:
        (group,) = group_records(given)
        return [(row.sampler, *sorted(row.columns.items()), row.steps) for row in group.rows]

    order = shown(records)
    assert [entry[0] for entry in order] == ["edm"] * 2 + ["ablation"] + ["bdia"] * 12 + ["edm S_churn=10.0"]
    assert [entry[-1] for entry in order[:2]] == [4, 18]
    assert order[3:6] == [
        ("bdia", ("backward", "euler"), ("gamma", 0.05), 6),
        ("bdia", ("backward", "euler"), ("gamma", 0.05), 10),
        ("bdia", ("backward", "euler"), ("gamma", 0.1), 6),
    ]
    for seed in range(5):
        mixed = random.Random(seed).sample(records, len(records))
        assert shown(mixed) == order


def test_figures_of_others_stand_beside_the_rows_that_they_are_for() -> None:
    records = [
        record("edm", 3, 5, None, metrics={"fid": 40.0}, command="a"),
        record("euler", 6, 5, None, metrics={"fid": 49.5}, command="b"),
        record("euler", 6, 5, 1.0, model="other", command="c"),
    ]
    published = Published("fid", "a README", {"b": 49.66, "d": 1.0}, 3000)
    groups = with_published(group_records(records), published)
    first, second = to_markdown(groups).split("### other")
    assert "| published fid | less published |" in first
    assert "| 49.500 | +9.500 | 49.660 | -0.160 | 123 |" in first
    assert "| 40.000 |  |  |  | 123 |" in first
    assert "Published fid: a README." in first
    assert "published" not in second.lower()
    rows = list(csv.DictReader(io.StringIO(to_csv(groups))))
    assert [row["published"] for row in rows] == ["", "49.66", ""]


def test_without_a_baseline_nothing_is_compared() -> None:
    records = [record("edm S_churn=10.0", 6, 11, 0.1), record("bdia", 6, 11, 0.4, BDIA)]
    (group,) = group_records(records)
    assert [row.differences for row in group.rows] == [{}, {}]
    assert [row.sampler for row in group.rows] == ["bdia", "edm S_churn=10.0"]
    assert "vs" not in to_markdown([group])
    (group,) = group_records([*records, record("edm", 6, 11, 0.5)])
    assert [row.differences.get("fd_digits") for row in group.rows] == [None, 0.4 - 0.5, 0.1 - 0.5]


def test_figures_that_are_not_finite_are_shown_and_not_compared() -> None:
    records = [record("edm", 6, 11, math.inf), record("bdia", 6, 11, math.inf, BDIA), record("rival", 6, 11, 1.0)]
    records += [record("other", 6, 11, math.nan), *blocks(math.inf, 1.0, name="two"), record("vast", 6, 11, 1e308)]
    groups = group_records(records)
    assert {name: value for group in groups for row in group.rows for name, value in row.differences.items()} == {}
    text = to_markdown(groups)
    # The two blocks' mean and the first of them, which stands beside the others; their minimum, their deviation.
    assert [text.count(f"| {shown} |") for shown in ("inf", "nan", "1.000")] == [2 + 2, 1 + 1, 1 + 1]
    assert "| 1e+308 |" in text
    assert {"inf", "nan", "1e+308"} <= {row["fd_digits"] for row in csv.DictReader(io.StringIO(to_csv(groups)))}


def test_the_work_grows_as_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in calls, of grouping and writing, where every record is its own group, and where all are one."""

    def calls(records: list[dict[str, Any]]) -> int:
        counted = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count)
        try:
            groups = group_records(records)
            for write in (to_markdown, to_csv, to_latex):
                write(groups)
        finally:
            sys.setprofile(None)
        return counted

    for grown in (
        lambda k: record("edm", 6, 11, 1.0, seeds=f"{k}"),
        lambda k: record("edm", k, k, 1.0),
        lambda k: record("edm", 6, 11, 1.0, seeds=f"{k}", series="x"),
        lambda k: record(f"edm x={k // 3}", 6, 11, 1.0, seeds=f"{k % 3}", series=k // 3),
    ):
        few, many = (calls([grown(k) for k in range(number)]) for number in (100, 400))
        assert many < 4.5 * few


def test_how_sure_a_figure_is_is_compared_with_nothing() -> None:
    figures = {"kid": 0.5, "kid_se": 0.125, "inception_score": 6.0, "inception_score_deviation": 0.25, "lone_se": 1.0}
    baseline = record("edm", 6, 11, None, metrics=figures)
    (group,) = group_records([baseline, record("bdia", 6, 11, None, BDIA, metrics=figures)])
    assert group.compared == ("kid", "inception_score", "lone_se")
    head = to_markdown([group]).splitlines()[2]
    assert "| kid | kid vs EDM at this NFE | kid_se | inception_score | inception" in head
    assert head.count("vs EDM") == 3
    assert group.title.endswith(", kid, inception_score, lone_se")


def test_of_several_baselines_of_one_cost_the_first_in_the_table_counts() -> None:
    """Whatever the records' order; those of another name are none of the baseline that the head says."""

    def baseline(name: str, nfe: int, distance: float) -> dict[str, Any]:
        given = record(name, 6, nfe, distance)
        given["labels"] |= {"is_baseline": True}
        return given

    records = [baseline("edm", 11, 0.5), baseline("edm x=1", 11, 0.25), baseline("other", 17, 0.75)]
    records += [record("bdia", 6, 11, 0.375, BDIA), record("bdia", 9, 17, 0.5, BDIA)]
    for seed in range(4):
        (group,) = group_records(random.Random(seed).sample(records, len(records)))
        assert group.baseline == "EDM"
        assert [row.differences.get("fd_digits") for row in group.rows] == [None, None, None, -0.125, None]
        (note,) = group.notes
        assert note.startswith("Of several baselines (NFE 11, 17) differences are from the first EDM of the NFE that")
    assert group_records(records[:1] + records[3:])[0].notes == ()


def test_rows_know_their_runs(tmp_path: Path) -> None:
    records = blocks(1.0, 2.0)
    (group,) = group_records(records, [tmp_path / "a", tmp_path / "b"])
    assert [(run.record, run.folder) for run in group.rows[0].runs] == [
        (records[0], tmp_path / "a"),
        (records[1], tmp_path / "b"),
    ]
