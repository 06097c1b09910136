"""Which records are compared, and which are one row."""

from __future__ import annotations

import csv
import io
import math
import random
from typing import Any

import pytest

from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_csv, to_markdown
from tests.report.test_tables import BDIA, blocks, record


def test_what_differs_is_not_compared() -> None:
    groups = group_records(
        [
            record("edm", 6, 11, 0.9),
            record("bdia", 6, 11, 0.4, BDIA, seeds="3000-5999"),
            record("bdia", 6, 11, 0.5, BDIA, model="other"),
        ]
    )
    assert len(groups) == 3
    assert all(row.differences == {} for group in groups for row in group.rows)


def test_blocks_of_seeds_are_one_row() -> None:
    records = [*blocks(2.0, 1.5, 4.0), *blocks(1.0, 3.0, 2.0, name="bdia")]
    for seed in range(3):
        (group,) = group_records(random.Random(seed).sample(records, len(records)))
        assert group.title == "digits: 3 times 3,000 images (seeds 0-2999; 3000-5999; 6000-8999), fd_digits"
        edm, bdia = group.rows
        assert (edm.metrics, edm.spreads["fd_digits"].minimum, bdia.metrics) == (
            {"fd_digits": 2.5},
            1.5,
            {"fd_digits": 2.0},
        )
        assert edm.spreads["fd_digits"].deviation == pytest.approx(math.sqrt((0.25 + 1 + 2.25) / 2))
        assert (bdia.spreads["fd_digits"], bdia.differences) == ((1.0, 1.0), {"fd_digits": -0.5})
    head, _, row, _ = to_markdown([group]).splitlines()[2:]
    assert head.split(" | ")[3:-1] == ["fd_digits mean", "fd_digits min", "fd_digits std", "vs EDM at this NFE"]
    assert row.split(" | ")[3:-1] == ["2.500", "1.500", "1.323", ""]
    first = next(csv.DictReader(io.StringIO(to_csv([group]))))
    assert (first["blocks"], first["fd_digits"], first["fd_digits_min"]) == ("3", "2.5", "1.5")
    assert float(first["fd_digits_std"]) == edm.spreads["fd_digits"].deviation


@pytest.mark.parametrize(
    "other",
    [
        {"num_images": 1000},
        {"series": "another"},
        {"checksums": {"model": "x", "reference": "other"}},
        {"class_idx": 3},
        {"device": {"type": "cuda"}},
        {"seeds": "2999-5998"},  # one seed is in both
        {"seeds": "0-2999"},  # the same once more
        {"seeds": "many"},
    ],
)
def test_what_is_no_further_block(other: dict[str, Any]) -> None:
    one, two = blocks(1.0, 2.0)
    rows = [row for group in group_records([one, two | other]) for row in group.rows]
    assert [(row.metrics, row.spreads) for row in rows] == [({"fd_digits": 1.0}, {}), ({"fd_digits": 2.0}, {})]
    (together,) = group_records([one, two])
    assert len(together.rows) == 1


def test_records_that_do_not_say_their_series_are_none() -> None:
    old = [{key: value for key, value in each.items() if key != "series"} for each in blocks(1.0, 2.0)]
    assert [len(group.seeds) for group in group_records(old)] == [1, 1]


def test_what_has_one_block_alone_is_compared_with_that_block() -> None:
    groups = group_records([*blocks(2.0, 1.0), *blocks(5.0, name="bdia", first=1)])
    assert [(group.seeds, len(group.rows)) for group in groups] == [
        (("0-2999", "3000-5999"), 1),
        (("3000-5999",), 2),
    ]
    assert groups[1].rows[1].differences == {"fd_digits": 4.0}


def test_what_has_some_of_the_blocks_is_compared_with_these() -> None:
    """As where a comparison chose on the first block, and another ran the baseline on it."""
    records = [*blocks(2.0, 1.0, 4.0), *blocks(5.0, 6.0, name="bdia", first=1), *blocks(9.0, name="bdia x=1", first=2)]
    for seed in range(3):
        groups = group_records(random.Random(seed).sample(records, len(records)))
        found = {group.seeds: [(row.metrics["fd_digits"], row.differences) for row in group.rows] for group in groups}
        assert len(found) == len(groups)
        assert found == {
            ("0-2999", "3000-5999", "6000-8999"): [(7 / 3, {})],
            ("3000-5999", "6000-8999"): [(2.5, {}), (5.5, {"fd_digits": 3.0})],
            ("6000-8999",): [(4.0, {}), (6.0, {"fd_digits": 2.0}), (9.0, {"fd_digits": 5.0})],
        }


def test_groups_differ_in_everything_that_a_figure_depends_on() -> None:
    base = record("edm", 6, 11, 1.0)
    others = [{"num_images": 2999}, {"seeds": "1-3000"}, {"class_idx": 1}, {"device": {"type": "cuda"}}, {"model": "x"}]
    others += [{"checksums": {"model": "x", name: "y"}} for name in ("detector", "reference")]
    assert len(group_records([base, *(base | other for other in others)])) == 1 + len(others)
