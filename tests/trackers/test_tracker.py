"""Trackers by name, and the way from a run's end to one, whatever the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.common_config import CommonOptions
from bdia_edm.trackers.tensorboard import TensorBoard
from bdia_edm.trackers.tracker import TRACKERS, check_tracker, make_tracker, track
from tests.commands import run_here
from tests.trackers.finished import SECRET, finished_run

TOY = "modules=[tests.toys.toy_tracker]"
FEW = {
    "sample": ("seeds=0-4", "sampler.num_steps=3"),
    "invert": ("indices=0-4", "sampler.num_steps=4"),
    "edit": ("indices=0-4", "sampler.num_steps=4"),
    "compare": ("seeds=0-4", "grid=[{sampler: edm, num_steps: [3, 4]}]", "detector=none"),
}


def test_the_options_words_name_them_all() -> None:
    (words,) = (facts.words for found, facts in options_of(CommonOptions) if found.name == "tracker")
    assert set(TRACKERS.names()) == {"none", "tensorboard", "wandb", "mlflow"}
    assert all(name in words for name in TRACKERS.names())


def test_no_library_is_imported_where_no_tracker_is_chosen() -> None:
    line = (
        "import sys, bdia_edm.run.finish; from bdia_edm.trackers.tracker import *; "
        "print(*TRACKERS.names()); make_tracker('none'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    names, modules = done.stdout.splitlines()
    assert names.split() == TRACKERS.names()
    assert not {TRACKERS[name].library for name in TRACKERS.names()} & set(modules.split())


def test_one_that_is_unknown() -> None:
    with pytest.raises(UserError, match=r"tracker=wand: must be one of mlflow, none, .*; did you mean wandb"):
        check_tracker("wand")


@pytest.mark.parametrize("task", FEW)
def test_every_run_is_logged_once_after_its_record(
    task: str, tmp_path: Path, toys: Path, capsys: pytest.CaptureFixture
) -> None:
    options = ("+model=digits", *FEW[task], TOY, f"results_dir={tmp_path}")
    done = run_here(capsys, task, *options, "tracker=toy")
    assert done.status == 0, done.err
    records = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("*/record.json")}
    assert len(records) == (2 if task == "compare" else 1)
    logged = (tmp_path / "toy.txt").read_text().splitlines()
    assert sorted(logged) == sorted(f"{name} {record['nfe']}" for name, record in records.items())
    assert f"logged: {tmp_path}/toy.txt" in done.err
    # What a library prints is no result.
    assert "what a library prints" in done.err
    assert "what a library prints" not in done.out
    # The tracker is no part of what a run is.
    assert "done before" in run_here(capsys, task, *options).err


def test_one_that_fails_costs_no_run(tmp_path: Path, toys: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(
        capsys, "sample", "+model=digits", *FEW["sample"], TOY, "tracker=toy_unreachable", f"results_dir={tmp_path}"
    )
    assert done.status == 0
    (path,) = tmp_path.glob("*/record.json")
    assert json.loads(done.out) == json.loads(path.read_text())
    (warning,) = (line for line in done.err.splitlines() if "toy_unreachable" in line)
    assert warning == (
        f"warning: tracker=toy_unreachable: {path.parent.name} is not logged: no answer from https://host/x?...; its "
        "record is kept, and the same command logs it again"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("toy_missing", "needs no_such_library; install it"),
        ("toy_broken", "cannot be used: libsomething.so.1: no such file"),
    ],
)
def test_one_that_cannot_work_is_refused_before_the_work(
    name: str, words: str, tmp_path: Path, toys: Path, capsys: pytest.CaptureFixture
) -> None:
    for task in ("sample", "compare"):
        options = ("+model=digits", *FEW[task], TOY, f"tracker={name}", f"results_dir={tmp_path / 'runs'}")
        done = run_here(capsys, task, *options)
        assert done.status == 2
        assert done.err.splitlines()[-1] == f"error: tracker={name}: {words}"
        assert not list(tmp_path.glob("runs/*/*"))


def test_the_line_for_an_extra_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TensorBoard, "library", "no_such_library")
    with pytest.raises(
        UserError, match=r"^tracker=tensorboard: needs no_such_library; install it .*'.\[tensorboard\]'$"
    ):
        make_tracker("tensorboard")


def test_what_is_said(tmp_path: Path, toys: Path) -> None:
    __import__("tests.toys.toy_tracker")
    said: list[str] = []
    record = finished_run(tmp_path / "run")
    track(make_tracker("none"), record, tmp_path / "run", said.append)
    assert said == []
    track(make_tracker("toy"), record, tmp_path / "run", said.append)
    track(make_tracker("toy_unreachable"), record, tmp_path / "run", said.append)
    assert said[0] == f"logged: {tmp_path}/toy.txt"
    assert SECRET not in said[1]
