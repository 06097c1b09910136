"""TensorBoard: the event file as TensorBoard itself reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.trackers.tensorboard import TensorBoard
from tests.trackers.finished import SECRET, finished_run, texts_below

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import (
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
    parse_session_start_info_plugin_data,
)


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def text_of(found: EventAccumulator, name: str) -> str:
    (event,) = found.Tensors(f"{name}/text_summary")
    return event.tensor_proto.string_val[0].decode()


def test_scalars_texts_and_the_picture_are_read_back(tmp_path: Path) -> None:
    record = finished_run(tmp_path / "run")
    where = TensorBoard().log(record, tmp_path / "run")
    assert where == str(tmp_path / "tensorboard" / "run")
    found = read(Path(where))
    (fid,) = found.Scalars("fid")
    assert (fid.value, fid.step, fid.wall_time) == (1.75, 5, 1767323045.0)
    assert [each.value for each in found.Scalars("fid_standard_error")] == [0.25]
    command = text_of(found, "command")
    assert command.strip() == "python -m bdia_edm.sample +model=file model.path=https://host/net.pkl?..."
    assert found.SummaryMetadata("command/text_summary").plugin_data.plugin_name == "text"
    assert text_of(found, "checksums.model").strip() == "abc"
    (picture,) = found.Images("grid")
    assert (picture.width, picture.height) == (6, 4)
    assert picture.encoded_image_string == (tmp_path / "run" / "grid.png").read_bytes()


def test_hyper_parameters_are_read_back(tmp_path: Path) -> None:
    where = TensorBoard().log(finished_run(tmp_path / "run"), tmp_path / "run")
    found = read(Path(where))
    content = found.SummaryMetadata(SESSION_START_INFO_TAG).plugin_data.content
    options = parse_session_start_info_plugin_data(content).hparams
    assert options["model.settings.edm.S_churn"].number_value == 40
    assert options["keep_features"].HasField("bool_value")
    assert options["class_idx"].string_value == "null"
    assert found.SummaryMetadata(SESSION_END_INFO_TAG).plugin_data.plugin_name == "hparams"


def test_a_record_is_logged_once_and_another_of_the_run_beside_it(tmp_path: Path) -> None:
    tracker = TensorBoard()
    record = finished_run(tmp_path / "run")
    where = Path(tracker.log(record, tmp_path / "run"))
    assert tracker.log(record, tmp_path / "run") == ""
    assert len(list(where.iterdir())) == 1
    again = finished_run(tmp_path / "run", finished="2026-01-03T00:00:00Z", metrics={"fid": 2.5})
    assert tracker.log(again, tmp_path / "run") == str(where)
    assert len(list(where.iterdir())) == 2
    assert SECRET.encode() not in texts_below(tmp_path / "tensorboard")


def test_what_fails_midway_leaves_nothing_and_is_logged_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, record = TensorBoard(), finished_run(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("bdia_edm.trackers.tensorboard.pictures_in", lambda folder: {"grid": folder / "missing.png"})
        with pytest.raises(FileNotFoundError):
            tracker.log(record, tmp_path / "run")
    assert list((tmp_path / "tensorboard" / "run").iterdir()) == []
    assert tracker.log(record, tmp_path / "run")
