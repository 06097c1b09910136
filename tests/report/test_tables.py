"""Records as rows."""

from __future__ import annotations

import csv
import io
import math
import random
import re
import sys
from typing import Any

import pytest

from bdia_edm.report.rows import Published, group_records, with_published
from bdia_edm.report.tables import to_csv, to_latex, to_markdown

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


def test_figures_of_others_stand_beside_the_rows_that_they_are_for() -> None:
    records = [
        record("edm", 3, 5, None, metrics={"fid": 40.0}, command="a"),
        record("euler", 6, 5, None, metrics={"fid": 49.5}, command="b"),
        record("euler", 6, 5, 1.0, model="other", command="c"),
    ]
    published = Published("fid", "a README", {"b": 49.66, "d": 1.0})
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


def blocks(*figures: float, name: str = "edm", first: int = 0, **changed: Any) -> list[dict[str, Any]]:
    """Records of one series, 3,000 images each."""
    seeds = [f"{3000 * k}-{3000 * k + 2999}" for k in range(first, first + len(figures))]
    found = [record(name, 6, 11, figure, seeds=each) for each, figure in zip(seeds, figures, strict=True)]
    return [each | {"series": f"of {name}"} | changed for each in found]


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


def test_groups_differ_in_everything_that_a_figure_depends_on() -> None:
    base = record("edm", 6, 11, 1.0)
    others = [{"num_images": 2999}, {"seeds": "1-3000"}, {"class_idx": 1}, {"device": {"type": "cuda"}}, {"model": "x"}]
    others += [{"checksums": {"model": "x", name: "y"}} for name in ("detector", "reference")]
    assert len(group_records([base, *(base | other for other in others)])) == 1 + len(others)


def test_it_is_said_where_rows_come_from_different_code() -> None:
    one, two, three = (record("edm", steps, steps, 1.0) for steps in (4, 6, 8))
    same = {"code": {"source": "a" * 64, "commit": "c" * 40}, "arithmetic": 2}
    assert "different code" not in to_markdown(group_records([one | same, two | same]))
    text = to_markdown(group_records([one | same, two | same, three | {"code": {"source": "b" * 64}}]))
    told = f"2 of source {'a' * 12}, commit {'c' * 12}, arithmetic 2; 1 of source {'b' * 12}"
    assert text.endswith(f"\n\nThese records were made by different code: {told}.\n")
    assert "1 of code that is not known" in to_markdown(group_records([one | same, two]))
    assert "arithmetic 1" in to_markdown(group_records([one | same, two | same | {"arithmetic": 1}]))


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


HOSTILE = "a|b\n# *c* <img src=x> [d](e) `f` $g$ _h_ \\ \x1b[31m & % ~ ^ {i} #j"


def hostile_groups() -> list[Any]:
    """In everything that comes from a record."""
    published = {HOSTILE: 1.5, "source": HOSTILE, "sampler": HOSTILE}
    labels = {"sampler": HOSTILE, "title": HOSTILE, "columns": {HOSTILE: HOSTILE}, "is_baseline": True}
    given = record("edm", 6, 11, None, metrics={HOSTILE: 2.0}, model=HOSTILE, labels=labels, seeds=HOSTILE)
    given |= {"config": {"model": {"published": published}}, "code": {"source": HOSTILE}, "command": HOSTILE}
    return group_records([given, given | {"nfe": 12, "code": {"source": "x"}}])


def test_markdown_is_escaped() -> None:
    text = to_markdown(hostile_groups(), [HOSTILE])
    assert all(character.isprintable() for character in text.replace("\n", ""))
    paragraphs = text.rstrip("\n").split("\n\n")
    # The title, the table, what is published, the code, what is left out.
    assert [len(paragraph.splitlines()) for paragraph in paragraphs] == [1, 4, 1, 1, 1]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in paragraphs[1].splitlines()} == {8}
    bare = re.sub(r"\\.", "", text)
    assert not set("*<>[]`$") & set(bare)
    assert to_markdown(group_records([record("edm S_churn=10", 6, 11, 1.0)])).count("S_churn") == 1


def test_latex_is_escaped_and_balanced() -> None:
    text = to_latex(hostile_groups())
    lines = text.splitlines()
    assert all(line.isprintable() for line in lines)
    bare = re.sub(r"\\[\\&%$#_{}]", "", text)
    assert bare.count("{") == bare.count("}")
    body = [line for line in lines if " & " in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {6}
    # A comment begins the line or is none; only our minus and nothing of theirs is mathematics.
    assert all("%" not in re.sub(r"\\%", "", line) for line in lines if not line.lstrip().startswith("%"))
    assert not set("$~^#") & set(bare)


def test_latex() -> None:
    records = [
        record("edm", 6, 11, None, metrics={"fid": 2.0}),
        record("bdia", 6, 11, None, BDIA, metrics={"fid": 1.5}),
    ]
    lines = [line.strip() for line in to_latex(group_records(records)).splitlines()]
    rules = [lines.index(f"\\{name}rule") for name in ("top", "mid", "bottom")]
    assert rules[1] - rules[0] == 2
    assert lines[rules[0] + 1] == "sampler & backward & gamma & steps & NFE & FID & vs EDM at this NFE & images/s \\\\"
    assert lines[rules[1] + 1 : rules[2]] == [
        r"edm &  &  & 6 & 11 & 2.000 &  & 123 \\",
        r"bdia & euler & 0.1 & 6 & 11 & 1.500 & $-$0.500 & 123 \\",
    ]
    assert r"\begin{tabular}{llrrrrrr}" in lines


@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1"])
def test_no_cell_of_a_csv_is_a_formula(formula: str) -> None:
    labels = {"sampler": formula, "title": formula, "columns": {formula: formula, "x": -1.5}, "is_baseline": True}
    given = record("edm", 6, 11, None, metrics={formula: -2.0}, model=formula, labels=labels, command=formula)
    rows = list(csv.reader(io.StringIO(to_csv(group_records([given])))))
    texts = [cell for row in rows for cell in row if not re.fullmatch(r"-?\d+(\.\d+)?", cell)]
    assert [cell for cell in texts if cell.lstrip()[:1] in tuple("=+-@") and cell] == []
    # A number stays one.
    assert {"-1.5", "-2.0"} <= set(rows[1])


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


def test_the_number_of_the_datas_images_is_said_and_other_ones_are_not_compared() -> None:
    one, other = (record("edm", 6, 11, None, metrics={"recall": 0.5}) for _ in range(2))
    for each in (one, other):
        each["num_reference_features"] = 1797
        each["checksums"] = {**each["checksums"], "reference features": "a"}
    assert "\n\nFigures that look at single images hold them against 1,797 of the data." in to_markdown(
        group_records([one])
    )
    assert len(group_records([one, other])) == 1
    other["checksums"] = {**other["checksums"], "reference features": "b"}
    assert len(group_records([one, other])) == 2
