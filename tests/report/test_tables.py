"""Records as rows."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from bdia_edm.report.rows import group_records
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
