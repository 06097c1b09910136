"""Records as rows."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_csv, to_markdown

BDIA = {"backward": "euler", "gamma": 0.1}


def record(
    name: str, num_steps: int, nfe: int, distance: float | None, columns: dict[str, Any] | None = None, **changed: Any
) -> dict[str, Any]:
    """A record as a sampler writes it that calls itself ``name``; 'edm' is the baseline."""
    return {
        "model": "digits",
        "seeds": "0-2999",
        "num_images": 3000,
        "class_idx": None,
        "nfe": nfe,
        "metrics": {} if distance is None else {"fd_digits": distance},
        "images_per_second": 123.456,
        "command": "python -m bdia_edm.sample",
        "config": {"model": {}},
        "checksums": {"model": "x"},
        "device": {"type": "cpu"},
        "sampler": {"name": name.split()[0], "num_steps": num_steps},
        "labels": {
            "sampler": name,
            "title": name.split()[0].upper(),
            "columns": columns or {},
            "is_baseline": name == "edm",
        },
        **changed,
    }


def test_markdown() -> None:
    records = [record("bdia", 6, 11, 0.4, BDIA), record("edm", 6, 11, 0.9), record("edm", 9, 17, 0.25)]
    assert to_markdown(group_records(records)) == (
        "### digits: 3,000 images (seeds 0-2999), fd_digits\n\n"
        "| sampler | backward | gamma | steps | NFE | fd_digits | vs EDM at this NFE | images/s |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| edm |  |  | 6 | 11 | 0.900 |  | 123 |\n"
        "| edm |  |  | 9 | 17 | 0.250 |  | 123 |\n"
        "| bdia | euler | 0.1 | 6 | 11 | 0.400 | -0.500 | 123 |\n"
    )


def test_a_sampler_that_nobody_knows_brings_its_columns() -> None:
    records = [
        record("edm", 6, 11, 0.9),
        record("rival", 6, 11, 0.8, {"order": 3}),
        record("bdia", 6, 11, 0.4, BDIA),
        record("another x=1", 6, 6, 2.0),
    ]
    lines = to_markdown(group_records(records)).splitlines()
    assert lines[2].startswith("| sampler | order | backward | gamma | steps | NFE | fd_digits |")
    assert lines[3].startswith("| --- | ---: | --- | ---: |")
    assert [line.split(" | ")[:4] for line in lines[4:]] == [
        ["| edm", "", "", ""],
        ["| another x=1", "", "", ""],
        ["| bdia", "", "euler", "0.1"],
        ["| rival", "3", "", ""],
    ]


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


def test_a_published_figure_stands_below_its_table() -> None:
    published = {"fid": 1.79, "recall": 0.6, "sampler": "edm, 18 steps", "source": "a paper"}
    measured = record("edm", 18, 35, 1.8, config={"model": {"published": published}})
    other = to_markdown(group_records([measured]))
    assert "Published" not in other  # the figure is a FID, and this distance is another
    text = to_markdown(group_records([measured | {"metrics": {"fid": 1.8}}]))
    assert text.endswith("| 1.800 |  | 123 |\n\nPublished: 1.79 (edm, 18 steps; a paper).\n")
    both = to_markdown(group_records([measured | {"metrics": {"fid": 1.8, "recall": 0.5}}]))
    assert both.endswith(
        "\n\nPublished fid: 1.79 (edm, 18 steps; a paper).\n\nPublished recall: 0.6 (edm, 18 steps; a paper).\n"
    )


def test_without_a_baseline_nothing_is_compared() -> None:
    records = [record("edm S_churn=10.0", 6, 11, 0.1), record("bdia", 6, 11, 0.4, BDIA)]
    (group,) = group_records(records)
    assert [row.differences for row in group.rows] == [{}, {}]
    assert [row.sampler for row in group.rows] == ["bdia", "edm S_churn=10.0"]
    assert "vs" not in to_markdown([group])
    (group,) = group_records([*records, record("edm", 6, 11, 0.5)])
    assert [row.differences.get("fd_digits") for row in group.rows] == [None, 0.4 - 0.5, 0.1 - 0.5]


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


def test_csv_keeps_every_digit_and_every_metric() -> None:
    records = [
        record("edm", 6, 11, 0.123456789012345),
        record("bdia", 6, 11, 0.1, BDIA),
        record("edm", 6, 11, None, model="other", metrics={"fid": 1e-17}),
    ]
    rows = list(csv.DictReader(io.StringIO(to_csv(group_records(records)))))
    assert float(rows[0]["fd_digits"]) == 0.123456789012345
    assert (rows[0]["model"], rows[0]["num_images"], rows[0]["gamma"], rows[0]["fid"]) == ("digits", "3000", "", "")
    assert (rows[1]["backward"], rows[1]["gamma"], rows[1]["baseline"]) == ("euler", "0.1", "EDM")
    assert float(rows[1]["fd_digits_difference"]) == 0.1 - 0.123456789012345
    assert (float(rows[2]["fid"]), rows[2]["fd_digits"], rows[2]["fid_difference"]) == (1e-17, "", "")


def test_without_distances() -> None:
    text = to_markdown(group_records([record("edm", 6, 11, None)]))
    assert text.startswith("### digits: 3,000 images (seeds 0-2999), nothing measured\n")
    assert text.endswith("| edm | 6 | 11 | 123 |\n")
