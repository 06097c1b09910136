"""python -m bdia_edm.compare: a grid of runs, their table, plot and picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from bdia_edm.compare import grid_overrides
from bdia_edm.config.conf_folder import conf_folder
from tests.commands import run_here

GRID = "grid=[{sampler: edm, num_steps: [3,4]},{sampler: bdia, backward: [euler,heun], gamma: 0.1, num_steps: [3]}]"


def test_grid_is_every_combination() -> None:
    grid = [{"sampler": "edm"}, {"sampler": "bdia", "gamma": [0.1, 0.2], "num_steps": [3, 4]}]
    assert grid_overrides(grid) == [
        ["sampler=edm"],
        ["sampler=bdia", "sampler.gamma=0.1", "sampler.num_steps=3"],
        ["sampler=bdia", "sampler.gamma=0.1", "sampler.num_steps=4"],
        ["sampler=bdia", "sampler.gamma=0.2", "sampler.num_steps=3"],
        ["sampler=bdia", "sampler.gamma=0.2", "sampler.num_steps=4"],
    ]


@pytest.mark.parametrize("path", sorted((conf_folder() / "experiment").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_grids_are_well_formed(path: Path) -> None:
    assert len(grid_overrides(OmegaConf.to_container(OmegaConf.load(path))["grid"])) > 1


def test_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("+model=digits", "seeds='0-49,60-69'", "batch_size=60", GRID, "results_dir=out")
    done = run_here(capsys, "compare", *arguments)
    assert done.status == 0, done.err
    folder = tmp_path / "out"
    assert done.out.strip() == (folder / "comparison.md").read_text().strip()
    assert done.out.startswith("### digits: 60 images (seeds 0-49,60-69), fd_digits\n")
    with (folder / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["sampler"], row["backward"], row["nfe"]) for row in rows] == [
        ("edm", "", "5"),
        ("edm", "", "7"),
        ("bdia", "euler", "5"),
        ("bdia", "heun", "6"),
    ]
    # The difference to EDM is there where an EDM run has the same NFE, and nowhere else.
    difference = float(rows[2]["fd_digits"]) - float(rows[0]["fd_digits"])
    assert float(rows[2]["fd_digits_difference"]) == pytest.approx(difference)
    assert [row["fd_digits_difference"] for row in rows[:2] + rows[3:]] == ["", "", ""]
    for name in ("comparison.png", "side_by_side.png"):
        assert Image.open(folder / name).size > (300, 50)

    # Each record says the command that makes it again; that command finds it done.
    records = [json.loads(path.read_text()) for path in folder.glob("*/record.json")]
    assert {record["command"] for record in records} == {row["command"] for row in rows}
    words = rows[2]["command"]
    assert words.startswith("python -m bdia_edm.sample +model=digits batch_size=60 results_dir=out")
    import shlex

    again = run_here(capsys, "sample", *shlex.split(words)[3:])
    assert again.status == 0
    assert again.err.startswith("done before: ")

    before = {path: path.stat().st_mtime_ns for path in folder.rglob("record.json")}
    second = run_here(capsys, "compare", *arguments)
    assert second.out == done.out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("record.json")} == before


def test_without_bdia_every_run_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = "grid=[{sampler: [edm, euler], num_steps: 3}]"
    options = ("seeds=0-9", "detector=none", f"results_dir={tmp_path}")
    done = run_here(capsys, "compare", "+model=digits", grid, *options)
    assert done.status == 0, done.err
    assert "| edm | 3 | 5 |" in done.out
    assert (tmp_path / "side_by_side.png").exists()
