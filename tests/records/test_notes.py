"""What an unfinished run leaves about itself."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.records.notes import Plan, note_error, plan_kept, read_error, read_plan
from bdia_edm.records.run_folder import PLAN, RunFolder

EXAMPLE = Plan(total=100, block_size=30, found=60, workers=2, command="python -m bdia_edm.sample")


def test_a_plan_is_there_until_the_run_is_finished(tmp_path: Path) -> None:
    with plan_kept(tmp_path, EXAMPLE):
        assert read_plan(tmp_path) == EXAMPLE
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_kept_until_the_next_start(tmp_path: Path) -> None:
    with pytest.raises(UserError), plan_kept(tmp_path, EXAMPLE):
        raise UserError("the disk\nis full")
    assert read_error(tmp_path) == "the disk is full"
    assert read_plan(tmp_path) == EXAMPLE
    with plan_kept(tmp_path, EXAMPLE):
        assert read_error(tmp_path) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_an_error_before_anything_began(tmp_path: Path) -> None:
    note_error(tmp_path / "run", EXAMPLE, UserError("no worker started"))
    assert read_error(tmp_path / "run") == "no worker started"
    assert read_plan(tmp_path / "run") == EXAMPLE


def test_an_interruption_is_no_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), plan_kept(tmp_path, EXAMPLE):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == [PLAN]


def test_a_disk_too_full_for_the_error_shows_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    def run() -> None:
        with plan_kept(tmp_path, EXAMPLE):
            monkeypatch.setattr(Path, "write_text", full)
            raise UserError("the first")

    with pytest.raises(UserError, match="the first"):
        run()
    assert not RunFolder(tmp_path).error.exists()


def changed(**values: object) -> str:
    return json.dumps(asdict(EXAMPLE) | values)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1]", '{"total": 3}', '{"color": 1}', "[" * 100_000),
        *(changed(total="100"), changed(total=0), changed(block_size=0), changed(found=None), changed(workers=[2])),
    ],
)
def test_what_is_no_plan(text: str, tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text(text)
    assert read_plan(tmp_path) is None


def test_plans_of_other_versions(tmp_path: Path) -> None:
    (tmp_path / PLAN).write_text(changed(more=1))
    assert read_plan(tmp_path) == EXAMPLE
    (tmp_path / PLAN).write_text(json.dumps({key: value for key, value in asdict(EXAMPLE).items() if key != "title"}))
    assert read_plan(tmp_path) == EXAMPLE


def test_nothing_is_read_without_end(tmp_path: Path) -> None:
    os.mkfifo(RunFolder(tmp_path).plan)
    RunFolder(tmp_path).error.symlink_to("/dev/zero")
    os.mkfifo(RunFolder(tmp_path).lock)
    assert read_plan(tmp_path) is None
    assert read_error(tmp_path) == "error.txt is not readable: it is no regular file"
    assert not RunFolder(tmp_path).is_locked()
