"""compare task=generate: a grid of samplers on the same prompts, a table for each guidance."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.grid_of_options import points_of_grid
from tests.commands import run_here
from tests.text_to_image.generating.given import values_of
from tests.text_to_image.pipelines import PIPELINE


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of three prompts on the tiny pipeline."""
    monkeypatch.chdir(tmp_path)
    values_of(tmp_path)
    return ["task=generate", f"pipeline={PIPELINE}", "prompts=prompts.txt", "seeds=0-1", "device=cpu"]


def test_a_grid(shared: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    grid = "grid=[{sampler: [ddim, euler]}, {sampler: bdia, gamma: [0.5, 1], guidance_scale: [1, 7.5]}]"
    words = [*shared, grid, "num_inference_steps=2", "save_images=none"]
    done = run_here(capsys, "compare", *words)
    assert done.status == 0, done.err
    heads = [line for line in done.out.splitlines() if line.startswith("### ")]
    assert [re.findall(r"guidance ([\d.]+)", head) for head in heads] in ([["7.5"], ["1"]], [["1"], ["7.5"]])
    rows = [line.split(" |")[0] for line in done.out.splitlines() if line.startswith("| ")]
    assert rows.count("| bdia") == 4
    assert rows.count("| ddim") == rows.count("| euler") == 1
    assert {"comparison.md", "comparison.csv", "side_by_side.png"} <= {path.name for path in Path("runs").iterdir()}
    # What is there is not made again, by the command of its own either.
    again = run_here(capsys, "compare", *words)
    assert again.out == done.out
    assert again.err.count("done before") == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sampler=ddim"], "sampler=ddim: in a comparison the grid says the samplers; put it there"),
        (["grid=[]"], "grid=[]: must be a list of entries such as {sampler: bdia"),
        (["grid=[{gamma: 1}]"], "grid: the entry {'gamma': 1} must name its sampler"),
        (["grid=[{sampler: bdia, gama: 1}]"], "grid: gama: no option of a sampler; there are"),
        (
            ["grid=[{sampler: ddim},{sampler: euler, gamma: 1}]"],
            "grid: {sampler: euler, gamma: 1}: gamma=1.0: ",
        ),
        (["-m", "seeds=0,1"], "-m: a comparison's runs are those of its grid"),
        (
            ["table.columns=[steps]", "prompts=x.txt"],
            "grid: {sampler: ddim, num_inference_steps: 10}: prompts=x.txt",
        ),
    ],
)
def test_mistakes(shared: list[str], capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    done = run_here(capsys, "compare", *shared, *words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: {message}"), done.err
    assert done.err.count("\n") == 1


def test_without_a_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    done = run_here(capsys, "compare", "task=generate")
    assert done.status == 2
    assert done.err.startswith("error: pipeline: missing")


def test_all_combinations_in_their_order() -> None:
    found = points_of_grid([{"a": [1, 2], "b": "x", "c": [3, 4]}, {"a": 5}], "a", ["a", "b", "c"], "{a: 1}")
    assert [tuple(point.values()) for point in found] == [(1, "x", 3), (1, "x", 4), (2, "x", 3), (2, "x", 4), (5,)]
    for entry in ({"a": []}, {"a": {"b": 1}}, {"a": [[1]]}):
        with pytest.raises(UserError, match="must hold values or lists of values"):
            points_of_grid([entry], "a", ["a"], "{a: 1}")
