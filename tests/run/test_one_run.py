"""A command of one run, whatever its kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bdia_edm.run.kinds import KINDS
from tests.commands import run_here


@pytest.mark.parametrize("task", KINDS)
def test_its_record_is_what_it_prints_and_says_the_command(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    some = ["seeds=0-4", "sampler.num_steps=3"] if task == "sample" else ["indices=0-4", "sampler.num_steps=4"]
    done = run_here(capsys, task, "+model=digits", *some, f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["task"] == task
    assert record["command"] == " ".join(
        ["python -m", f"bdia_edm.{task}", "+model=digits", *some, f"results_dir={tmp_path}"]
    )
    (path,) = tmp_path.glob("*/record.json")
    assert json.loads(path.read_text()) == record


def test_records_of_a_sweep_are_one_a_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sweep = ("-m", "+model=digits", "indices=0-2", "sampler=obelm", "sampler.num_steps=3,4", f"results_dir={tmp_path}")
    done = run_here(capsys, "invert", *sweep)
    assert [json.loads(line)["sampler"]["num_steps"] for line in done.out.splitlines() if line] == [3, 4]
