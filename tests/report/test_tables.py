"""Records as rows."""

from __future__ import annotations

import csv
import io
from typing import Any

from bdia_edm.report.tables import group_records, to_csv, to_markdown


def record(name: str, num_steps: int, nfe: int, distance: float | None, **options: Any) -> dict[str, Any]:
    extra = {"model": options.pop("model", "digits"), "seeds": options.pop("seeds", "0-2999")}
    return {
        **extra,
        "num_images": 3000,
        "class_idx": None,
        "nfe": nfe,
        "metrics": {} if distance is None else {"fd_digits": distance},
        "images_per_second": 123.456,
        "command": "python -m bdia_edm.sample",
        "config": {"model": {}},
        "checksums": {"model": "x"},
        "device": {"type": "cpu"},
        "sampler": {"name": name, "num_steps": num_steps, "sigma_min": None, "rho": 7.0, **options},
    }


CHURN = {"S_churn": 0.0, "S_min": 0.0, "S_max": "inf", "S_noise": 1.0}
BDIA = {"gamma": 0.1, "backward": "euler", "integrator": "heun"}


def test_markdown() -> None:
    records = [
        record("bdia", 6, 11, 0.4, **BDIA),
        record("edm", 6, 11, 0.9, **CHURN),
        record("edm", 9, 17, 0.25, **CHURN),
    ]
    assert to_markdown(group_records(records)) == (
        "### digits: 3,000 images (seeds 0-2999), fd_digits\n\n"
        "| sampler | backward | gamma | steps | NFE | fd_digits | vs EDM at this NFE | images/s |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| edm |  |  | 6 | 11 | 0.900 |  | 123 |\n"
        "| edm |  |  | 9 | 17 | 0.250 |  | 123 |\n"
        "| bdia | euler | 0.1 | 6 | 11 | 0.400 | -0.500 | 123 |\n"
    )


def test_a_published_figure_stands_below_its_table() -> None:
    published = {"fid": 1.79, "sampler": "edm, 18 steps", "source": "a paper"}
    measured = record("edm", 18, 35, 1.8, **CHURN) | {"config": {"model": {"published": published}}}
    other = to_markdown(group_records([measured]))
    assert "Published" not in other  # the figure is a FID, and this distance is another
    text = to_markdown(group_records([measured | {"metrics": {"fid": 1.8}}]))
    assert text.endswith("| 1.800 |  | 123 |\n\nPublished: 1.79 (edm, 18 steps; a paper).\n")


def test_only_plain_edm_is_the_baseline() -> None:
    churned = record("edm", 6, 11, 0.1, **{**CHURN, "S_churn": 10.0})
    narrowed = record("edm", 6, 11, 0.2, **{**CHURN, "sigma_max": 40.0})
    (group,) = group_records([churned, narrowed, record("bdia", 6, 11, 0.4, **BDIA)])
    assert [row.difference for row in group.rows] == [None, None, None]
    assert [row.sampler for row in group.rows] == ["bdia", "edm S_churn=10.0", "edm sigma_max=40.0"]


def test_churns_other_options_count_only_with_churn() -> None:
    (group,) = group_records([record("edm", 6, 11, 0.1, **{**CHURN, "S_noise": 1.003})])
    assert group.rows[0].sampler == "edm"


def test_what_differs_is_not_compared() -> None:
    groups = group_records(
        [
            record("edm", 6, 11, 0.9, **CHURN),
            record("bdia", 6, 11, 0.4, seeds="3000-5999", **BDIA),
            record("bdia", 6, 11, 0.5, model="other", **BDIA),
        ]
    )
    assert len(groups) == 3
    assert all(row.difference is None for group in groups for row in group.rows)


def test_csv_keeps_every_digit() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(group_records([record("edm", 6, 11, 0.123456789012345, **CHURN)])))))
    assert float(rows[0]["distance"]) == 0.123456789012345
    assert (rows[0]["model"], rows[0]["num_images"], rows[0]["gamma"]) == ("digits", "3000", "")


def test_without_distances() -> None:
    assert "| edm |  |  | 6 | 11 |  |  | 123 |" in to_markdown(group_records([record("edm", 6, 11, None, **CHURN)]))
