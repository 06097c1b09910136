"""python -m bdia_edm.status: every run in a folder, from its files alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from bdia_edm.api import finish, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.records.notes import Plan, note_error, plan_kept
from bdia_edm.records.run_folder import PLAN, RunFolder
from bdia_edm.status import RunStatus, find_runs, main
from tests.commands import modules_of, run_apart


def begin(folder: Path, shards: int, found: int = 0) -> Plan:
    """A run of 100 images in blocks of 30 with its first shards there."""
    folder.mkdir(exist_ok=True)
    plan = Plan(100, 30, found, 2, "python -m bdia_edm.sample")
    with pytest.raises(KeyboardInterrupt), plan_kept(folder, plan):
        raise KeyboardInterrupt
    (folder / "shards").mkdir(exist_ok=True)
    for index in range(shards):
        (folder / "shards" / f"{index:05d}.npz").write_bytes(b"")
    (folder / "shards" / "00009.npz.77.partial").write_bytes(b"")
    return plan


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name in ("a", "b", "c", "deep/d"):
        (tmp_path / name).mkdir(parents=True)
    begin(tmp_path / "a", 2)
    begin(tmp_path / "b", 4)
    RunFolder(tmp_path / "b").error.write_text("the disk is full")
    (tmp_path / "c" / "notes.txt").write_text("no run")
    run = prepare("+model=gaussian_mixture", "seeds=0-9", "sampler.num_steps=3", f"results_dir={tmp_path / 'deep'}")
    finish(run, str)
    return tmp_path


def test_the_states(results: Path) -> None:
    a, b, d = find_runs(results)
    assert a == RunStatus("a", "interrupted", 60, 100, 2)
    # The last block is smaller.
    assert b == RunStatus("b", "failed", 100, 100, 2, error="the disk is full")
    assert d.name.startswith("deep/gaussian_mixture-bdia-3steps-")
    assert (d.state, d.done, d.total, d.workers) == ("done", 10, 10, 1)
    with RunFolder(results / "a").locked(str):
        assert find_runs(results)[0].state == "running"


def test_the_rate_counts_what_was_made_since_the_start(results: Path) -> None:
    folder = results / "a"
    plan = begin(results / "new", 3, found=30)
    start = (results / "new" / PLAN).stat().st_mtime
    for index in range(3):
        os.utime(results / "new" / "shards" / f"{index:05d}.npz", (0, start + 10 * index))
    with RunFolder(results / "new").locked(str):
        status = find_runs(results)[-1]
    assert (status.name, status.state, status.done) == ("new", "running", 90)
    assert status.rate == pytest.approx((90 - plan.found) / 20)
    assert status.seconds_left == pytest.approx(10 / 3)
    assert find_runs(folder)[0].rate is None


def test_the_table(results: Path) -> None:
    shown = run_apart("status", str(results))
    lines = shown.out.splitlines()
    assert (shown.status, shown.err, len(lines)) == (0, "", 4)
    assert lines[0].split() == ["run", "what", "state", "done", "total", "workers", "images/s", "left", "error"]
    assert lines[1].split() == ["a", "interrupted", "60", "100", "2"]
    assert lines[2].split() == ["b", "failed", "100", "100", "2", "the", "disk", "is", "full"]


def test_it_starts_without_torch(results: Path) -> None:
    assert modules_of("bdia_edm.status", str(results)).isdisjoint({"torch", "numpy"})


def test_json(results: Path) -> None:
    shown = CliRunner().invoke(main, [str(results), "--json"])
    assert json.loads(shown.output)[0] == {
        "name": "a",
        "state": "interrupted",
        "done": 60,
        "total": 100,
        "workers": 2,
        "rate": None,
        "seconds_left": None,
        "error": None,
        "title": "",
    }


def test_it_writes_nothing(results: Path) -> None:
    """Not even as root, whom permissions do not keep out: no time of any folder changes."""
    folders = [path for path in results.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    before = {path: path.stat().st_mtime_ns for path in [results, *results.rglob("*")]}
    assert [run.state for run in find_runs(results)] == ["interrupted", "failed", "done"]
    assert {path: path.stat().st_mtime_ns for path in [results, *results.rglob("*")]} == before
    for folder in folders:
        folder.chmod(0o755)


def test_nothing_there(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, [str(tmp_path)])
    assert shown.exit_code == 2
    assert shown.output == f"error: {tmp_path}: no runs in it or below; bdia_edm.sample starts them\n"


def test_damaged_files(results: Path) -> None:
    (results / "a" / PLAN).write_text("garbage")
    record = next(results.glob("deep/*/record.json"))
    record.write_text("garbage")
    a, _, d = find_runs(results)
    assert (a.state, a.done, a.total) == ("interrupted", 0, None)
    assert d.state == "failed"
    assert "not a readable record" in str(d.error)


def test_a_run_that_finishes_while_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that was listed is gone when its time is asked for."""
    folder = tmp_path / "run"
    (folder / "shards").mkdir(parents=True)
    (folder / "plan.json").write_text(
        json.dumps({"total": 20, "block_size": 10, "found": 0, "workers": 1, "command": "c"})
    )
    (folder / "shards" / "00000.npz").write_text("")
    listed = list(os.scandir(folder / "shards"))
    (folder / "shards" / "00000.npz").unlink()
    scandir = os.scandir
    monkeypatch.setattr("os.scandir", lambda path: listed if Path(path).name == "shards" else scandir(path))
    (found,) = find_runs(tmp_path)
    assert (found.state, found.done, found.total) == ("interrupted", 0, 20)


def test_runs_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    for gamma in (0.1, 0.25):
        options = ["sampler=bdia", f"sampler.gamma={gamma}", "sampler.backward=euler", "sampler.num_steps=3"]
        run = prepare("+model=gaussian_mixture", "seeds=0-9", f"results_dir={tmp_path}", *options)
        finish(run, str)
    # One that is not finished says so in its plan.
    words = "bdia, euler, gamma 0.1, 3 steps, seeds 0-9"
    note_error(tmp_path / "begun", Plan(10, 10, 0, 1, "a command", words), UserError("the disk is full"))
    assert sorted(run.title for run in find_runs(tmp_path)) == [words, words, words.replace("0.1", "0.25")]
    shown = CliRunner().invoke(main, [str(tmp_path)]).output
    assert [shown.count(words), shown.count("gamma 0.25")] == [2, 1]
    (line,) = (line for line in shown.splitlines() if " failed " in line)
    assert words in line
    assert line.endswith("the disk is full")


def test_a_plan_says_what_tells_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object, **options: object) -> None:
        raise UserError("stopped")

    monkeypatch.setattr("bdia_edm.run.finish.lead", fail)
    run = prepare("+model=gaussian_mixture", "seeds=3-9", "sampler=edm", "sampler.S_churn=4", f"results_dir={tmp_path}")
    with pytest.raises(UserError):
        finish(run, str)
    (found,) = find_runs(tmp_path)
    assert (found.state, found.error) == ("failed", "stopped")
    assert found.title == f"edm S_churn=4.0, {run.config.sampler.num_steps} steps, seeds 3-9"


def test_nothing_that_lies_there_hides_a_run_or_breaks_a_line(results: Path) -> None:
    (results / "record.json").write_text("[" * 100_000)
    os.mkfifo(results / "a" / "record.json")
    os.mkfifo(results / "a" / "error.txt")
    RunFolder(results / "b").error.write_text("two\nlines \x1b[31m")
    (results / "a" / "shards" / "²³.npz").touch()
    (results / "new\nline\x1b").mkdir()
    (results / "new\nline\x1b" / PLAN).write_text("{}")
    runs = find_runs(results)
    assert [run.state for run in runs] == ["failed", "failed", "failed", "done", "interrupted"]
    shown = CliRunner().invoke(main, [str(results)])
    lines = shown.output.splitlines()
    assert (shown.exit_code, len(lines)) == (0, 6)
    assert all(line.isprintable() for line in lines)
    assert "nested too deeply" in lines[1]


def test_shards_beyond_the_plan_are_none_of_the_runs_images(tmp_path: Path) -> None:
    begin(tmp_path / "run", 2)
    (tmp_path / "run" / "shards" / "99999.npz").touch()
    assert find_runs(tmp_path)[0].done == 60
