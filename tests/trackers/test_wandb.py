"""Weights & Biases offline: its run's folder, and what lies in the file that `wandb sync` sends."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.trackers.tracker import make_tracker
from tests.trackers.finished import SECRET, finished_run, texts_below

wandb = pytest.importorskip("wandb")

_BLOCK = 32768
_HEADER = struct.Struct("<IHB")


@pytest.fixture(autouse=True)
def _of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of who runs the tests; what the library read before is forgotten."""
    for name in ("WANDB_API_KEY", "WANDB_PROJECT", "WANDB_ENTITY", "WANDB_DIR", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb_config"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.chdir(tmp_path)
    wandb.teardown()
    yield
    wandb.teardown()


def messages(path: Path) -> Iterator[Any]:
    """The messages of a .wandb file: 7 bytes, then blocks of pieces, each after its checksum, length and kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, message = path.read_bytes(), 7, b""
    while place < len(content):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER.size:
            place += left
            continue
        _, length, kind = _HEADER.unpack_from(content, place)
        place += _HEADER.size + length
        message += content[place - length : place]
        if kind in (1, 4):  # whole, or the last piece
            yield Record.FromString(message)
            message = b""


def values(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_figures_options_and_the_picture_are_read_back(tmp_path: Path) -> None:
    where = Path(make_tracker("wandb").log(finished_run(tmp_path / "runs" / "run"), tmp_path / "runs" / "run"))
    assert where.parent == tmp_path / "runs" / "wandb"
    # Its service writes the last of the file when it ends.
    wandb.teardown()
    (file,) = where.glob("run-*.wandb")
    found = list(messages(file))
    (run,) = (each.run for each in found if each.WhichOneof("record_type") == "run")
    assert (run.display_name, run.project, list(run.tags)) == ("run", "bdia_edm", ["sample", "m"])
    options = values(run.config.update)
    assert (options["model.settings.edm.S_churn"], options["keep_features"]) == (40, False)
    assert options["record"]["checksums.model"] == "abc"
    assert run.notes == "python -m bdia_edm.sample +model=file model.path=https://host/net.pkl?..."
    (history,) = (each.history for each in found if each.WhichOneof("record_type") == "history")
    figures = values(history.item)
    assert (figures["fid"], figures["fid_standard_error"], figures["_step"]) == (1.75, 0.25, 5)
    picture = where / "files" / figures["grid.path"]
    assert picture.read_bytes() == (tmp_path / "runs" / "run" / "grid.png").read_bytes()
    assert SECRET.encode() not in texts_below(tmp_path / "runs" / "wandb")


def test_a_record_is_logged_once_to_each_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = finished_run(tmp_path / "run")
    tracker = make_tracker("wandb")
    where = tracker.log(record, tmp_path / "run")
    assert where
    assert tracker.log(record, tmp_path / "run") == ""
    wandb.teardown()
    monkeypatch.setenv("WANDB_PROJECT", "other")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (tmp_path / "wandb").mkdir(exist_ok=True)
    elsewhere = make_tracker("wandb").log(record, tmp_path / "run")
    assert elsewhere not in ("", where)
    # Of an attempt that was cut off the mark is missing.
    (Path(elsewhere) / "logged").unlink()
    assert make_tracker("wandb").log(record, tmp_path / "run")


def test_without_a_key_it_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE")
    with pytest.raises(UserError, match="tracker=wandb: no API key is known; run 'wandb login', or set WANDB_MODE"):
        make_tracker("wandb")


def test_who_disabled_it_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert make_tracker("wandb").log(finished_run(tmp_path / "run"), tmp_path / "run") == ""
    assert not (tmp_path / "wandb").exists()
