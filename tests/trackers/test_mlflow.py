"""MLflow's files, as its own client reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bdia_edm.trackers.tracker import make_tracker
from tests.trackers.finished import SECRET, finished_run, texts_below

pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def _of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    # As the tracker sets them, which would outlive the test.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")


def runs_in(folder: Path, experiment: str = "bdia_edm") -> tuple[Any, list[Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(folder.as_uri())
    return client, list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


def test_figures_options_tags_and_the_picture_are_read_back(tmp_path: Path) -> None:
    where = make_tracker("mlflow").log(finished_run(tmp_path / "run"), tmp_path / "run")
    assert where == f"{(tmp_path / 'mlruns').as_uri()}, experiment bdia_edm"
    client, (run,) = runs_in(tmp_path / "mlruns")
    assert (run.info.run_name, run.info.status, run.info.end_time) == ("run", "FINISHED", 1767323045000)
    (fid,) = client.get_metric_history(run.info.run_id, "fid")
    assert (fid.value, fid.step) == (1.75, 5)
    assert run.data.metrics["fid_standard_error"] == 0.25
    assert run.data.params["model.settings.edm.S_churn"] == "40"
    assert run.data.params["class_idx"] == "null"
    assert run.data.tags["checksums.source of sampler"] == "def"
    assert run.data.tags["command"].endswith("model.path=https://host/net.pkl?...")
    (picture,) = client.list_artifacts(run.info.run_id)
    held = Path(run.info.artifact_uri.removeprefix("file://")) / picture.path
    assert held.read_bytes() == (tmp_path / "run" / "grid.png").read_bytes()
    assert SECRET.encode() not in texts_below(tmp_path / "mlruns")


def test_a_record_is_logged_once_wherever_it_is_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker, record = make_tracker("mlflow"), finished_run(tmp_path / "run")
    assert tracker.log(record, tmp_path / "run")
    assert tracker.log(record, tmp_path / "run") == ""
    again = finished_run(tmp_path / "run", finished="2026-01-03T00:00:00Z")
    assert tracker.log(again, tmp_path / "run")
    assert len(runs_in(tmp_path / "mlruns")[1]) == 2
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "other").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert tracker.log(record, tmp_path / "run")
    assert len(runs_in(tmp_path / "other", "mine")[1]) == 1


def test_what_fails_midway_is_finished_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker, record = make_tracker("mlflow"), finished_run(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("bdia_edm.trackers.mlflow.pictures_in", lambda folder: {"grid": folder / "missing.png"})
        with pytest.raises(OSError, match=r"missing\.png"):
            tracker.log(record, tmp_path / "run")
    assert tracker.log(record, tmp_path / "run")
    _, (run,) = runs_in(tmp_path / "mlruns")
    assert run.info.status == "FINISHED"


def test_more_options_than_one_request_takes(tmp_path: Path) -> None:
    config = {f"o{number}": number for number in range(250)} | {"odd, name": 1}
    make_tracker("mlflow").log(finished_run(tmp_path / "run", config=config), tmp_path / "run")
    _, (run,) = runs_in(tmp_path / "mlruns")
    assert len(run.data.params) == 251
    assert run.data.params["odd_ name"] == "1"
