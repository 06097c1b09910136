"""python -m bdia_edm.compare task=edit pipeline=...: a grid of methods on the same pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.yaml_files import load_yaml
from bdia_edm.records.record import read_records
from bdia_edm.text_to_image.edits.comparing import grid_points, with_costs
from bdia_edm.text_to_image.edits.config import read_edit_pictures
from tests.commands import Result, run_here
from tests.text_to_image.edits.pictures import values, write_pictures
from tests.text_to_image.pipelines import PIPELINE


def compared(folder: Path, capsys: pytest.CaptureFixture, *more: str) -> Result:
    pictures = write_pictures(folder / "pictures", 1)
    usual = [f"pipeline={PIPELINE}", f"image={pictures}", "prompt=a cat", "edit=a dog, red"]
    return run_here(capsys, "compare", "task=edit", *usual, f"results_dir={folder / 'out'}", *more)


def test_the_table_has_the_records_figures(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = "grid=[{method: bdia, gamma: [1, 0.96], num_inference_steps: [3, 4]},{method: ddim, num_inference_steps: 3}]"
    done = compared(tmp_path, capsys, grid)
    assert done.status == 0, done.err
    records = read_records(tmp_path / "out").good
    assert len(records) == 5
    # Whatever a method was published with, all go the whole way.
    assert {record["sampler"]["strength"] for record in records} == {1.0}  # type: ignore[typeddict-item]
    rows = list(csv.DictReader((tmp_path / "out" / "comparison.csv").open()))
    by_command = {row["command"]: row for row in rows}
    for record in records:
        row = by_command[record["command"]]
        assert float(row["nfe"]) == record["nfe"]
        for name, value in with_costs(record)["metrics"].items():
            assert float(row[name]) == value
        assert record["command"].startswith("python -m bdia_edm.edit pipeline=")
    head = next(line for line in done.out.splitlines() if line.startswith("| sampler"))
    assert {"gamma", "guidance", "strength", "steps", "NFE", "roundtrip_vae_psnr", "seconds"} <= set(head.split(" | "))
    names = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert names >= {"comparison.md", "comparison.csv", "comparison.tex", "comparison.png", "side_by_side.png"}
    again = compared(tmp_path, capsys, grid)
    assert again.out == done.out
    assert again.err.count("done before") == 5


def test_a_point_that_is_refused_is_named_before_any_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = "grid=[{method: ddim, num_inference_steps: 3},{method: bdia, gamma: [1, 0.5], num_inference_steps: 50}]"
    done = compared(tmp_path, capsys, grid)
    assert done.status == 2
    assert done.err.startswith("error: grid: {method: bdia, gamma: 0.5, num_inference_steps: 50}: gamma=0.5: 50 steps")
    assert done.err.count("\n") == 1
    assert not list((tmp_path / "out").glob("tiny*"))


def test_every_point_of_the_default_grid_is_an_edit(tmp_path: Path) -> None:
    conf = load_yaml(conf_folder() / "compare_edit_pictures.yaml")
    points = grid_points(conf["grid"])
    configs = [read_edit_pictures(values(tmp_path, image="x.png", **point)) for point in points]
    assert len({tuple(map(str, config.deciding())) for config in configs}) == len(points) == 28
    assert {config.method for config in configs} == {"bdia", "ddim", "edict", "null_text", "negative_prompt", "obelm"}


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (None, "grid=null: must be a list of entries"),
        ([{"gamma": 1}], "grid: the entry {'gamma': 1} must name its method"),
        ([{"method": "bdia", "gama": 1}], "grid: gama: no option of a method; there are method, "),
        ([{"method": "bdia", "image": "x.png"}], "grid: image: no option of a method"),
        ([{"method": "bdia", "gamma": []}], "must hold values or lists of values"),
        ([{"method": "bdia", "gamma": [{"a": 1}]}], "must hold values or lists of values"),
    ],
)
def test_a_grid_of_another_form_is_one_line(grid: object, words: str) -> None:
    with pytest.raises(UserError) as caught:
        grid_points(grid)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["task=sample"], "task=sample: must be edit with pipeline="),
        (["-m", "guidance_scale=1,2"], "-m: a comparison's runs are those of its grid"),
        (["table.metrics=[fid]", "grid=[{method: ddim, num_inference_steps: 1}]"], "fid"),
    ],
)
def test_mistakes_are_one_line(more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = compared(tmp_path, capsys, *more)
    assert done.status == 2
    assert said in done.err.splitlines()[-1]
