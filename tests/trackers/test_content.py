"""What trackers show of a record."""

from __future__ import annotations

import math
import time
from pathlib import Path

from bdia_edm.trackers.content import (
    figures_of,
    finished_at,
    key_of,
    options_of_run,
    pictures_in,
    step_of,
    tags_of,
)
from tests.trackers.finished import SECRET, finished_run


def test_figures_have_their_standard_errors_and_the_step_is_the_nfe(tmp_path: Path) -> None:
    record = finished_run(tmp_path / "a", nfe_inverse=2)
    assert figures_of(record) == {
        "fid": 1.75,
        "fid_standard_error": 0.25,
        "is": math.inf,
        "nfe": 4.6,
        "nfe_inverse": 2.0,
        "images_per_second": 20.0,
    }
    assert step_of(record) == 5


def test_options_are_called_as_they_are_typed(tmp_path: Path) -> None:
    found = options_of_run(finished_run(tmp_path / "a"))
    assert found == {
        "seeds": "0-9",
        "class_idx": "null",
        "metric": '["frechet", "is"]',
        "keep_features": False,
        "model.path": "https://host/net.pkl?...",
        "model.settings.edm.S_churn": 40,
    }
    without = finished_run(tmp_path / "a")
    del without["config"]
    assert options_of_run(without) == {"sampler.name": "bdia", "sampler.num_steps": 3, "sampler.gamma": 0.3}


def test_tags_repeat_and_verify_and_tell_no_secret(tmp_path: Path) -> None:
    record = finished_run(tmp_path / "a")
    tags = tags_of(record)
    assert tags["command"] == "python -m bdia_edm.sample +model=file model.path=https://host/net.pkl?..."
    assert (tags["checksums.model"], tags["code.source"], tags["device"]) == ("abc", "123", "a processor")
    assert SECRET not in str([tags, options_of_run(record)])


def test_the_pictures_of_every_kind_of_run(tmp_path: Path) -> None:
    finished_run(tmp_path)
    assert pictures_in(tmp_path) == {"grid": tmp_path / "grid.png"}
    (tmp_path / "grid.png").rename(tmp_path / "edits.png")
    assert pictures_in(tmp_path) == {"edits": tmp_path / "edits.png"}


def test_when_it_was_finished(tmp_path: Path) -> None:
    record = finished_run(tmp_path)
    assert finished_at(record) == 1767323045.0
    del record["finished"]
    assert abs(finished_at(record) - time.time()) < 60


def test_the_key_is_of_this_record_of_this_run_in_one_place(tmp_path: Path) -> None:
    record = finished_run(tmp_path / "a")
    assert key_of(record, tmp_path / "a") == key_of(finished_run(tmp_path / "b"), tmp_path / "elsewhere" / "a")
    others = {
        key_of(record, tmp_path / "b"),
        key_of(record, tmp_path / "a", "place"),
        key_of(finished_run(tmp_path, finished="2026-01-02T03:04:06Z"), tmp_path / "a"),
    }
    assert len({*others, key_of(record, tmp_path / "a")}) == 4
