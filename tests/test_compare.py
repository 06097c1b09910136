"""python -m bdia_edm.compare: a grid of runs, their table, plot and picture."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from bdia_edm.table import main as table_main
from tests.commands import run_here

GRID = "grid=[{sampler: edm, num_steps: [3,4]},{sampler: bdia, backward: [euler,heun], gamma: 0.1, num_steps: [3]}]"


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
    # That of few images is corrected for its bias: the middle of the interval, near the figures' own.
    low, middle, high = (float(rows[2][f"fd_digits_{each}"]) for each in ("low", "difference", "high"))
    assert middle == pytest.approx((low + high) / 2)
    assert low < float(rows[2]["fd_digits"]) - float(rows[0]["fd_digits"]) < high
    assert [row["fd_digits_difference"] for row in rows[:2] + rows[3:]] == ["", "", ""]
    for name in ("comparison.png", "side_by_side.png"):
        assert Image.open(folder / name).size > (300, 50)

    # Each record says the command that makes it again; that command finds it done.
    records = [json.loads(path.read_text()) for path in folder.glob("*/record.json")]
    assert {record["command"] for record in records} == {row["command"] for row in rows}
    words = rows[2]["command"]
    assert words.startswith("python -m bdia_edm.sample +model=digits 'seeds=")
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


EXPERIMENT = """\
# @package _global_
defaults:
  - override /model: MODEL
  - override /detector: pixels
class_idx: null
batch_size: 7
block_size: 9
save_images: png
keep_features: true
seeds: [0, 1, 2, 7-20]
metric: [frechet]
model: {reference_samples: 300, components: 3}
results_dir: 2024_runs
grid: [{sampler: edm, num_steps: 3, sigma_max: [null, 40]}]
"""


def experiment(folder: Path, text: str) -> str:
    """Writes it as experiment=mine; the option that makes it known."""
    (folder / "conf" / "experiment").mkdir(parents=True)
    (folder / "conf" / "experiment" / "mine.yaml").write_text(text)
    return f"--config-dir={folder / 'conf'}"


def records_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*/record.json"))]


def test_every_option_of_an_experiment_is_honoured(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = experiment(tmp_path, EXPERIMENT.replace("MODEL", "gaussian_mixture"))
    done = run_here(capsys, "compare", own, "experiment=mine", "block_size=8")
    assert done.status == 0, done.err
    folder = tmp_path / "2024_runs"
    records = records_of(folder)
    assert sorted(str(record["config"]["sampler"]["sigma_max"]) for record in records) == ["40", "None"]
    for record in records:
        given = {**record["config"], **{f"model.{key}": value for key, value in record["config"]["model"].items()}}
        # What is typed wins over the experiment.
        assert {name: given[name] for name in ("batch_size", "block_size", "save_images", "keep_features")} == {
            "batch_size": 7,
            "block_size": 8,
            "save_images": "png",
            "keep_features": True,
        }
        assert (given["model.name"], given["model.components"], given["model.reference_samples"]) == (
            "gaussian_mixture",
            3,
            300,
        )
        assert given["detector"]["name"] == "pixels"
        assert record["seeds"] == "0-2,7-20"
        again = run_here(capsys, "sample", *shlex.split(record["command"])[3:])
        assert (again.status, again.err.partition(":")[0]) == (0, "done before")
    assert (folder / "comparison.md").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"conf", "2024_runs"}


@pytest.mark.parametrize("model", ["+model=gaussian_mixture", "model=gaussian_mixture"])
def test_the_command_lines_model_wins(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = experiment(tmp_path, EXPERIMENT.replace("MODEL", "digits"))
    done = run_here(capsys, "compare", own, "experiment=mine", model, "results_dir=out", "detector=none")
    assert done.status == 0, done.err
    records = records_of(tmp_path / "out")
    assert {(record["model"], record["config"]["detector"]["name"]) for record in records} == {
        ("gaussian_mixture", "none")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sampler: {rho: 5}", "experiment=mine: sampler.rho=5: in a comparison the grid says the samplers"),
        ("defaults: [override /sampler: edm]", "experiment=mine: sampler=edm: in a comparison the grid says the"),
        ("detector: none", "experiment=mine: detector=none: is chosen in its defaults list, as defaults: [override"),
        ("model: digits", "experiment=mine: model=digits: is chosen in its defaults list, as defaults: [override"),
        ("batchsize: 3", "mine.yaml: batchsize=3: unknown option"),
        ("model: {steps: 3}", "mine.yaml: model.steps=3: unknown option"),
        ("class_idx: 11", "class_idx=11: must be from 0 to 9"),
        ("save_images: jpg", "mine.yaml: save_images=jpg: must be one of"),
    ],
)
def test_what_an_experiment_cannot_say_is_refused_by_name(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = experiment(tmp_path, f"# @package _global_\n{text}\ngrid: [{{sampler: edm}}]\n")
    model = [] if text == "model: digits" else ["+model=digits"]
    done = run_here(capsys, "compare", own, "experiment=mine", *model)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1), done.err
    # What is wrong in itself is told with the file that says it.
    assert done.err.startswith((f"error: {message}", f"error: conf/experiment/{message}")), done.err


def test_an_experiment_without_its_first_line_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it says would be left out, silently where the grid is on the command line."""
    monkeypatch.chdir(tmp_path)
    own = experiment(tmp_path, "seeds: 0-3\ngrid: [{sampler: edm}]\n")
    for grid in ((), (GRID,)):
        done = run_here(capsys, "compare", own, "experiment=mine", "+model=digits", *grid)
        assert (done.status, done.out) == (2, "")
        assert done.err == "error: experiment=mine: its file must begin with the line '# @package _global_'\n"


def test_an_experiment_leaves_the_grid_to_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = experiment(tmp_path, "# @package _global_\nseeds: 0-3\nresults_dir: out\n")
    options = ("+model=gaussian_mixture", "detector=none")
    assert run_here(capsys, "compare", own, "experiment=mine", *options).err.startswith("error: grid=null: must be a")
    done = run_here(capsys, "compare", own, "experiment=mine", *options, "grid=[{sampler: edm, num_steps: 3}]")
    assert done.status == 0, done.err
    assert [record["seeds"] for record in records_of(tmp_path / "out")] == ["0-3"]


def test_a_sweep_keeps_the_tables_of_every_point(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("grid=[{sampler: edm, num_steps: 3}]", "results_dir=out", "-m")
    done = run_here(capsys, "compare", "+model=gaussian_mixture,digits", "seeds=0-3,[4,5]", *options)
    assert done.status == 0, done.err
    tables = sorted((tmp_path / "out").glob("*/comparison.md"))
    assert [path.parent.name.split("-")[1] for path in tables] == ["digits"] * 2 + ["gaussian_mixture"] * 2
    written = "\n".join(path.read_text() for path in tables)
    assert sorted(filter(None, written.splitlines())) == sorted(filter(None, done.out.splitlines()))
    assert not (tmp_path / "out" / "comparison.md").exists()


def test_a_cards_stochastic_settings_reach_no_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = experiment(tmp_path, "")
    (tmp_path / "conf" / "model").mkdir()
    card = "defaults: [gaussian_mixture, _self_]\nsettings: {num_steps: 4, edm: {num_steps: 5, S_churn: 40}}\n"
    (tmp_path / "conf" / "model" / "churned.yaml").write_text(card)
    options = (own, "+model=churned", "seeds=0-9", "model.reference_samples=100")
    grid = "grid=[{sampler: edm, settings: [null, card]},{sampler: bdia}]"
    done = run_here(capsys, "compare", *options, grid, "results_dir=out")
    assert done.status == 0, done.err
    found = {
        (record["labels"]["sampler"], record["nfe"], record["labels"]["is_baseline"])
        for record in records_of(tmp_path / "out")
    }
    assert found == {("edm", 7, True), ("edm S_churn=40.0", 9, False), ("bdia", 7, False)}
    # One run takes its card's settings, as before.
    plain = run_here(capsys, "sample", *options, "sampler=edm", "results_dir=out")
    assert plain.err.startswith("done before: ")
    assert json.loads(plain.out)["config"]["sampler"]["S_churn"] == 40


def test_seed_blocks_are_one_row(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Every point on every block; the row is the mean, beside the minimum and the deviation of its runs."""
    options = ("+model=gaussian_mixture", "grid=[{sampler: edm, num_steps: 3},{sampler: euler, num_steps: 5}]")
    done = run_here(capsys, "compare", *options, "seeds=0-9", "blocks=[0-39,100-139]", f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    records = [json.loads(path.read_text()) for path in tmp_path.glob("*/record.json")]
    assert sorted(record["seeds"] for record in records) == ["0-39", "0-39", "100-139", "100-139"]
    assert all(f"seeds={record['seeds']}" in record["command"] for record in records)
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [row["blocks"] for row in rows] == ["2", "2"]
    for row in rows:
        of_row = [each["metrics"]["fd_pixels"] for each in records if each["sampler"]["name"] == row["sampler"]]
        assert float(row["fd_pixels"]) == pytest.approx(sum(of_row) / 2)
        assert float(row["fd_pixels_min"]) == min(of_row)


CHOICE = "grid=[{sampler: edm, num_steps: 3},{sampler: bdia, gamma: [0.2,0.5,1.0], num_steps: [3,4]}]"


def test_a_value_is_chosen_on_seeds_that_are_not_reported(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ("+model=gaussian_mixture", CHOICE, "select=gamma", f"results_dir={tmp_path}")
    done = run_here(capsys, "compare", *options, "blocks=[200-239,0-39,100-139]")
    assert done.status == 0, done.err
    records = records_of(tmp_path)
    # Six chose; EDM and the two chosen ones report. What was not chosen is on no reporting seeds.
    counted = [f"[{which}{number}/6" for which in ("choosing ", "") for number in range(1, 7)]
    assert [line.partition("]")[0] for line in done.err.splitlines() if "] python" in line] == counted
    of_seeds = {seeds: [each for each in records if each["seeds"] == seeds] for seeds in ("200-239", "0-39", "100-139")}
    assert [len(each) for each in of_seeds.values()] == [6, 3, 3]
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [(row["sampler"], row["seeds"]) for row in rows] == [
        ("edm", "0-39; 100-139"),
        ("bdia", "0-39; 100-139"),
        ("bdia", "0-39; 100-139"),
    ]
    for row in rows[1:]:
        choosing = [each for each in of_seeds["200-239"] if str(each["sampler"]["num_steps"]) == row["steps"]]
        best = min(choosing, key=lambda each: each["metrics"]["fd_pixels"])
        assert (float(row["gamma"]), row["chosen_among"]) == (best["sampler"]["gamma"], "3")
    assert "gamma was chosen among 3 values by fd_pixels on seeds 200-239" in done.out
    assert done.out.count("(chosen of 3)") == 2
    # The table of all records below tells the same, and those that chose apart.
    table = CliRunner().invoke(table_main, [str(tmp_path), "--dest", str(tmp_path / "tables")])
    assert table.exit_code == 0, table.output
    assert table.stdout.startswith(done.out.rstrip("\n"))
    assert table.stdout.count("### ") == 2
    assert "(choosing seeds 200-239)" in table.stdout


def test_the_best_of_each_nfe_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Heun's backward costs more than the other two: it is reported beside the best of these."""
    grid = "grid=[{sampler: bdia, backward: [euler,heun,trapezoid], num_steps: 4}]"
    options = ("+model=gaussian_mixture", grid, "select=backward", "blocks=[200-239,0-39]", f"results_dir={tmp_path}")
    done = run_here(capsys, "compare", *options)
    assert done.status == 0, done.err
    costs = {record["sampler"]["backward"]: record["nfe"] for record in records_of(tmp_path)}
    assert costs["euler"] == costs["trapezoid"] < costs["heun"]
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert [row["seeds"] for row in rows] == ["0-39"] * 2
    chosen = {row["backward"]: row["chosen_among"] for row in rows}
    assert chosen.pop("heun") == ""
    assert list(chosen.values()) == ["2"]
    table = CliRunner().invoke(table_main, [str(tmp_path), "--dest", str(tmp_path / "tables")])
    assert table.stdout.startswith(done.out.rstrip("\n"))
    assert table.stdout.count("### ") == 2


def test_what_is_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Plots of an option and the account of a choice too, and nothing that an earlier comparison left."""
    grid = "grid=[{sampler: edm, num_steps: [3,4]},{sampler: bdia, gamma: [0.2,0.5,1.0], num_steps: [3,4]}]"
    options = ("+model=gaussian_mixture", "seeds=0-9", f"results_dir={tmp_path}")
    done = run_here(capsys, "compare", *options, grid)
    assert done.status == 0, done.err
    said = done.err.splitlines()[-1].removeprefix(f"written: {tmp_path}/").split(", ")
    assert said == [
        *("comparison.csv", ".md", ".pdf", ".png", ".svg", ".tex"),
        *("comparison_gamma.pdf", ".png", ".svg", "comparison_heatmap.pdf", ".png", ".svg", "side_by_side.png"),
    ]
    done = run_here(capsys, "compare", *options, CHOICE, "select=gamma", "blocks=[0-9,10-19]")
    said = done.err.splitlines()[-1].removeprefix(f"written: {tmp_path}/").split(", ")
    (kept,) = (path.name for path in tmp_path.glob("selection-*.json"))
    assert said == ["comparison.csv", ".md", ".pdf", ".png", ".svg", ".tex", kept, "side_by_side.png"]


def test_a_figure_that_is_not_measured_is_told_after_the_first_run(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    options = ("+model=gaussian_mixture", CHOICE, "seeds=0-9", f"results_dir={tmp_path}")
    done = run_here(capsys, "compare", *options, "table.metrics=[foo]")
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("error: table: metrics: foo: unknown; there are fd_pixels")
    assert len(records_of(tmp_path)) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("select=[gamma]", "blocks=[0-9,10-19]"), "select=['gamma']: must be the name of one option of a sampler"),
        (("select={a: 1}", "blocks=[0-9,10-19]"), "select={'a': 1}: must be the name of one option of a sampler"),
        (
            (
                "grid=[{sampler: edm, num_steps: 3, published: {gaussian_mixture: [1.5]}}]",
                "blocks=[0-9,10-19]",
            ),
            "published: missing; the grid has published figures",
        ),
        (("select=gamma",), "select=gamma: needs two blocks of seeds at least, as blocks="),
        (("select=gamma", "blocks=[0-9]"), "select=gamma: needs two blocks of seeds at least"),
        (
            ("select=gama", "blocks=[0-9,10-19]"),
            "select=gama: no sampler of the grid has several values of it, all",
        ),
        (
            ("select=gamma", "blocks=[0-9,10-19]", "detector=none"),
            "select=gamma: chooses by the first metric, and nothing",
        ),
        (("table.columns=[step]",), "table: columns: step: unknown; there are sampler,"),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_any_work(
    given: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    done = run_here(
        capsys, "compare", "+model=gaussian_mixture", CHOICE, "seeds=0-9", f"results_dir={tmp_path}", *given
    )
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert done.err.startswith(f"error: {message}")
    assert list(tmp_path.iterdir()) == []


def test_an_inversion_has_no_seeds_to_choose_on(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "compare", "task=invert", "+model=digits", "select=gamma", f"results_dir={tmp_path}")
    assert (done.status, done.err.count("\n")) == (2, 1), done.err
    assert done.err.startswith(
        "error: select=gamma: must be null with task=invert, whose images have no blocks of seeds"
    )


def test_a_comparisons_table_has_the_columns_that_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = "grid=[{sampler: edm, num_steps: 3}]"
    options = ("seeds=0-9", "detector=none", f"results_dir={tmp_path}", "table.columns=[nfe,sampler]")
    done = run_here(capsys, "compare", "+model=gaussian_mixture", grid, *options)
    assert done.status == 0, done.err
    assert done.out.splitlines()[2:5] == ["| NFE | sampler |", "| ---: | --- |", "| 5 | edm |"]
