"""Records on disk."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bdia_edm.api import finish, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.records import record
from bdia_edm.records.record import read_record, read_records, record_schema, to_json, write_record
from bdia_edm.records.run_folder import RECORD
from bdia_edm.records.text_files import LARGEST
from bdia_edm.run.run import ARITHMETIC

MINIMAL: dict[str, Any] = {
    "model": "digits",
    "sampler": {"name": "edm", "num_steps": 18, "S_max": math.inf},
    "labels": {"sampler": "edm", "title": "EDM", "columns": {"order": 2.5, "kind": "x"}, "is_baseline": True},
    "seeds": "0-9",
    "class_idx": None,
    "num_images": 10,
    "nfe": 35,
    "metrics": {"fid": 1.5},
    "images_per_second": 12.5,
    "command": "python -m bdia_edm.sample",
    "device": {"type": "cpu", "name": "a CPU"},
    "checksums": {"model": "x"},
}


def test_json_is_strict() -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is no JSON")

    loaded = json.loads(to_json({**MINIMAL, "more": (1, -math.inf)}), parse_constant=refuse)
    assert loaded["sampler"]["S_max"] == "inf"
    assert loaded["more"] == [1, "-inf"]


def test_round_trip_and_order(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    for name in ("b", "a/c"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        write_record(folder, {**MINIMAL, "seeds": name})
        assert [path.name for path in folder.iterdir()] == [RECORD]
        assert list(read_record(folder) or ()) == list(MINIMAL)
    good, folders, damaged = read_records(tmp_path)
    assert [record["seeds"] for record in good] == ["a/c", "b"]
    assert folders == [tmp_path / "a/c", tmp_path / "b"]
    assert damaged == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nfe": 1}', "\x00\xff"])
def test_damaged_records(content: str, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(UserError, match="remove it to run again"):
        read_record(tmp_path)


@pytest.mark.parametrize("name", [name for name in MINIMAL if name != "labels"])
def test_what_every_record_has(name: str, tmp_path: Path) -> None:
    write_record(tmp_path, {key: value for key, value in MINIMAL.items() if key != name})
    with pytest.raises(UserError, match=rf"not a readable record \({name}: missing\); remove it to run again"):
        read_record(tmp_path)


WRONG = [
    ("model", 3, "must be a text"),
    ("model", None, "must be a text"),
    ("sampler.name", ["edm"], "must be a text"),
    ("sampler.num_steps", "18", "must be a whole number"),
    ("sampler.num_steps", True, "must be a whole number"),
    ("sampler.num_steps", -1, "must be a whole number from 0"),
    ("labels", "edm", "must be an object"),
    ("labels.columns", [], "must be an object"),
    ("labels.columns.gamma", [0.1], "must be a text or a number or true or false or null"),
    ("labels.is_baseline", 1, "must be true or false"),
    ("class_idx", 1.5, "must be a whole number or null"),
    ("num_images", 0, "must be a whole number from 1"),
    ("num_images", 2**63, "must be a whole number below"),
    ("nfe", "35", "must be a number"),
    ("nfe", "inf", "must be a number from 0"),
    ("nfe", 10**400, "must be a number below"),
    ("metrics", [1.5], "must be an object"),
    ("metrics.fid", "1.5", "must be a number"),
    ("metrics.fid", None, "must be a number"),
    ("metrics.fid", True, "must be a number"),
    ("device", None, "must be an object"),
    ("device.type", 0, "must be a text"),
    ("checksums.model", {}, "must be a text"),
    ("warnings", ["one", 2], "must be a text"),
    ("code.source", 1, "must be a text"),
    ("series", 7, "must be a text"),
]


@pytest.mark.parametrize(("where", "value", "reason"), WRONG)
def test_a_value_of_another_type_is_named(where: str, value: object, reason: str, tmp_path: Path) -> None:
    given = json.loads(to_json(MINIMAL))
    *sections, name = where.split(".")
    section = given
    for each in sections:
        section = section.setdefault(each, {})
    section[name] = value
    (tmp_path / RECORD).write_text(json.dumps(given))
    with pytest.raises(UserError, match=rf"not a readable record \({where}(\[1\])?: {reason}"):
        read_record(tmp_path)
    # The schema is the same thing, but for whole numbers without a bound, which JSON has.
    if not reason.endswith("below"):
        assert list(Draft202012Validator(record_schema()).iter_errors(given))


def test_figures_that_are_not_finite_come_back_as_they_were(tmp_path: Path) -> None:
    figures = {"fid": math.inf, "worse": -math.inf, "unknown": math.nan}
    write_record(tmp_path, {**MINIMAL, "metrics": figures})
    found = read_record(tmp_path)
    assert found is not None
    assert str(found["metrics"]) == str(figures)


def nested(levels: int) -> str:
    return json.dumps(MINIMAL | {"config": "X"}).replace('"X"', '{"a":' * levels + "1" + "}" * levels)


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


DAMAGED = {
    "a FIFO": as_fifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a broken link": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path),
    "too large": lambda path: path.write_text(json.dumps(MINIMAL | {"seeds": "0," * LARGEST})),
    "deep lists": lambda path: path.write_text("[" * 100_000),
    "deep config": lambda path: path.write_text(nested(100_000)),
    "a config too deep to be written": lambda path: path.write_text(nested(900)),
    "5,000 digits": lambda path: path.write_text(json.dumps(MINIMAL).replace(": 35", ": " + "9" * 5000)),
    "another encoding": lambda path: path.write_bytes(json.dumps(MINIMAL).encode("utf-16")),
    "an infinite name": lambda path: path.write_text(json.dumps(MINIMAL).replace('"edm"', "Infinity")),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_record_hides_no_other(kind: str, tmp_path: Path) -> None:
    for name in ("a", "b/c", "d"):
        (tmp_path / name).mkdir(parents=True)
    DAMAGED[kind](tmp_path / "a" / RECORD)
    for name in ("b/c", "d"):
        write_record(tmp_path / name, {**MINIMAL, "seeds": name})
    # Nor does one in a folder above.
    (tmp_path / RECORD).write_text("{")
    good, folders, damaged = read_records(tmp_path)
    assert [record["seeds"] for record in good] == ["b/c", "d"]
    assert folders == [tmp_path / "b/c", tmp_path / "d"]
    # A link to nowhere is no file.
    which = [tmp_path] if kind == "a broken link" else [tmp_path, tmp_path / "a"]
    assert [line.partition(": ")[0] for line in damaged] == [str(path / RECORD) for path in which]
    assert all("\n" not in line and len(line) < 600 for line in damaged)


def test_the_schema_in_the_package_is_the_types() -> None:
    shipped = (Path(record.__file__).parent / "record.schema.json").read_text()
    assert shipped == json.dumps(record_schema(), indent=2) + "\n", "write it anew from record_schema()"
    Draft202012Validator.check_schema(record_schema())
    # Every field says what it is.
    assert [name for name, field in record_schema()["properties"].items() if not field.get("description")] == []


def test_records_meet_the_schema(tmp_path: Path) -> None:
    run = prepare(f"results_dir={tmp_path}", "seeds=0-9", "sampler.num_steps=3", "+model=digits")
    finish(run, str)
    paths = [run.folder / RECORD, *(Path(__file__).parents[2] / "results/demo/records").glob(f"*/{RECORD}")]
    assert len(paths) > 5
    written = [json.loads(path.read_text()) for path in paths]
    written.append(json.loads(to_json({**MINIMAL, "metrics": {"fid": math.inf}})))
    for each in written:
        assert list(Draft202012Validator(record_schema()).iter_errors(each)) == []
    # What the fresh one says, the type has words for.
    assert set(written[0]) <= set(record_schema()["properties"])
    assert (written[0]["arithmetic"], written[0]["series"]) == (ARITHMETIC, run.series)
    assert set(written[0]["code"]) >= {"source"}


def test_a_record_is_never_half_written(tmp_path: Path) -> None:
    write_record(tmp_path, MINIMAL)
    with pytest.raises(TypeError):
        write_record(tmp_path, {**MINIMAL, "bad": object()})
    assert read_record(tmp_path) == json.loads(to_json(MINIMAL))
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


def test_a_record_from_before_samplers_had_labels(tmp_path: Path) -> None:
    old = {key: value for key, value in MINIMAL.items() if key != "labels"}
    write_record(tmp_path, old | {"sampler": {"name": "bdia", "num_steps": 6, "gamma": 0.1, "sigma_min": None}})
    found = read_record(tmp_path)
    assert found is not None
    assert found["labels"]["sampler"] == "bdia gamma=0.1"
    assert found["labels"]["is_baseline"] is False
