"""python -m bdia_edm.sample as a user runs it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.models.preconditioning import EDMPrecond
from tests.commands import run_apart, run_here

SMALL = ("seeds=0-49", "batch_size=50", "sampler.num_steps=3")


def test_stdout_is_the_record_and_nothing_else(tmp_path: Path) -> None:
    done = run_apart("sample", "+model=digits", *SMALL, cwd=tmp_path)
    assert done.status == 0
    record = json.loads(done.out)
    assert record["sampler"]["name"] == "bdia"
    assert record["command"] == "python -m bdia_edm.sample +model=digits seeds=0-49 batch_size=50 sampler.num_steps=3"
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "record.json").read_text()) == record
    assert "images/s" in done.err
    assert done.err.endswith(f"written: runs/{folder.name}\n")
    # Nothing else was made: no log, no clock-named folder.
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    again = run_apart("sample", "+model=digits", *SMALL, cwd=tmp_path)
    assert (again.out, again.err) == (done.out, f"done before: runs/{folder.name}\n")


@pytest.mark.parametrize(
    ("options", "nfe"),
    [
        (["sampler=edm"], 5),
        (["sampler=edm", "sampler.S_churn=5", "sampler.S_noise=1.003"], 5),
        (["sampler=euler"], 3),
        (["sampler=ablation", "sampler.solver=euler", "sampler.schedule=vp", "sampler.scaling=vp"], 3),
        (["sampler=bdia", "sampler.integrator=euler"], 3),
        (["sampler=bdia", "sampler.backward=heun", "sampler.gamma=1"], 6),
        (["sampler.sigma_min=0.01", "sampler.sigma_max=40", "sampler.rho=5"], 5),
    ],
)
def test_every_sampler(options: list[str], nfe: int, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "sample", "+model=digits", *SMALL, *options, f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    assert json.loads(done.out)["nfe"] == nfe


def test_the_default_sampler_is_the_cards(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "sample", "+model=digits", "seeds=0-9", f"results_dir={tmp_path}")
    record = json.loads(done.out)
    card = record["config"]["model"]["settings"]
    for option in ("num_steps", "gamma", "backward"):
        assert record["sampler"][option] == card[option]


def test_a_sweep_prints_one_record_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = ("-m", "+model=digits", "seeds=0-49", "sampler.num_steps=3,4", "sampler.gamma=0.05,0.1")
    done = run_apart("sample", *sweep, f"results_dir={tmp_path / 'sweep'}", cwd=tmp_path)
    assert done.status == 0
    records = [json.loads(line) for line in done.out.splitlines()]
    points = [(record["sampler"]["num_steps"], record["sampler"]["gamma"]) for record in records]
    assert points == [(3, 0.05), (3, 0.1), (4, 0.05), (4, 0.1)]
    assert len(list((tmp_path / "sweep").glob("*/record.json"))) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["sweep"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("+model=gaussian_mixture,digits", "detector=none"), {"gaussian_mixture", "digits"}),
        (
            ("+model=gaussian_mixture", "sampler=edm,ablation", "sampler.S_churn=5", "detector=none"),
            {"edm", "ablation"},
        ),
    ],
)
def test_a_sweep_over_a_group_with_options_of_it(
    options: tuple[str, ...], told: set[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """They are of each that is swept, not of what the command would take by itself."""
    done = run_here(capsys, "sample", "-m", *options, "seeds=0-3", "sampler.num_steps=3", f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    records = [json.loads(line) for line in done.out.splitlines()]
    assert {record["sampler"]["name"] for record in records} | {record["model"] for record in records} >= told
    for record in records:
        again = run_here(capsys, "sample", *shlex.split(record["command"])[3:])
        assert again.err.startswith("done before: ")


def test_a_network_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = {"img_resolution": 8, "img_channels": 3, "label_dim": 2, "sigma_min": 0.01, "sigma_max": 50.0}
    options |= {"model_channels": 16, "channel_mult": [1], "num_blocks": 1, "attn_resolutions": []}
    write_network(tmp_path / "mine.safetensors", EDMPrecond(**options), options, "denoiser")
    done = run_here(
        capsys,
        "sample",
        "+model=file",
        f"model.path={tmp_path / 'mine.safetensors'}",
        "model.name=mine",
        "detector=none",
        *SMALL,
        f"results_dir={tmp_path}",
    )
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert (record["model"], record["metrics"], record["nfe"]) == ("mine", {}, 5)
