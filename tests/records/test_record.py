"""Records on disk."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.records.record import read_record, read_records, to_json, write_record
from bdia_edm.records.run_folder import RECORD

MINIMAL: dict[str, Any] = {"sampler": {"S_max": math.inf}, "metrics": {"fid": 1.5}, "nfe": 35, "seeds": "0-9"}
MINIMAL |= dict.fromkeys(
    ["model", "labels", "class_idx", "num_images", "images_per_second", "checksums", "device", "command"]
)


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
    assert [record["seeds"] for record in read_records(tmp_path)] == ["a/c", "b"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nfe": 1}', "\x00\xff"])
def test_damaged_records(content: str, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(UserError, match="remove it to run again"):
        read_record(tmp_path)


@pytest.mark.parametrize("name", [name for name in MINIMAL if name != "labels"])
def test_what_every_record_has(name: str, tmp_path: Path) -> None:
    write_record(tmp_path, {key: value for key, value in MINIMAL.items() if key != name})
    with pytest.raises(UserError, match="not a record of this program"):
        read_record(tmp_path)


def test_a_record_is_never_half_written(tmp_path: Path) -> None:
    write_record(tmp_path, MINIMAL)
    with pytest.raises(TypeError):
        write_record(tmp_path, {**MINIMAL, "bad": object()})
    assert read_record(tmp_path) == json.loads(to_json(MINIMAL))
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


def test_a_record_from_before_samplers_had_labels(tmp_path: Path) -> None:
    old = {key: value for key, value in MINIMAL.items() if key != "labels"}
    write_record(tmp_path, old | {"sampler": {"name": "bdia", "num_steps": 6, "gamma": 0.1, "sigma_min": None}})
    record = read_record(tmp_path)
    assert record is not None
    assert record["labels"]["sampler"] == "bdia gamma=0.1"
    assert record["labels"]["is_baseline"] is False
