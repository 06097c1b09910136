"""python -m bdia_edm.trajectory: images' ways through the noise levels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bdia_edm.engine.denoised_way import DenoisedWay
from bdia_edm.run import tracing
from bdia_edm.samplers.registry import SAMPLERS
from tests.commands import Result, run_here


def run(capsys: pytest.CaptureFixture, folder: Path, *options: str, model: str = "digits") -> Result:
    return run_here(capsys, "trajectory", f"+model={model}", f"results_dir={folder}", *options)


@pytest.mark.parametrize("sampler", ["bdia", "edict", "dpmpp"])
def test_a_picture_and_the_arrays(sampler: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = (f"sampler={sampler}", "sampler.num_steps=6", "seeds='0-1,7'")
    done = run(capsys, tmp_path, *options)
    assert done.status == 0, done.err
    told = json.loads(done.out)
    (folder,) = tmp_path.iterdir()
    assert told["folder"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["trajectory.npz", "trajectory.png"]
    assert Image.open(told["picture"]).width > 1000
    with np.load(told["arrays"]) as found:
        assert found["levels"].tolist() == told["levels"] == sorted(told["levels"], reverse=True)
        assert found["states"].shape == found["denoised"].shape == (len(told["levels"]), 3, 1, 8, 8)
        assert found["states"].dtype == found["denoised"].dtype == np.float32
        assert (found["seeds"].tolist(), found["labels"].tolist()) == ([0, 1, 7], told["labels"])
        states, denoised = found["states"], found["denoised"]
    assert told["not_finite"] == []
    assert states[0].std() == pytest.approx(80, rel=0.2)
    # The nearer the end, the nearer the estimate to the image.
    errors = np.square(denoised - states[-1]).mean(axis=(1, 2, 3, 4))
    assert errors[0] > 10 * errors[-2]
    # The images are those of a run.
    sampled = run_here(capsys, "sample", "+model=digits", f"results_dir={tmp_path / 'runs'}", "detector=none", *options)
    assert sampled.status == 0, sampled.err
    assert json.loads(sampled.out)["nfe"] == told["nfe"]
    (preview,) = (tmp_path / "runs").rglob("preview.npz")
    images = np.load(preview)["arr_0"].transpose(0, 3, 1, 2).astype(float)
    assert np.abs(np.clip(states[-1] * 127.5 + 128, 0, 255) - images).max() < 1.01


def test_it_does_not_depend_on_the_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "write_ways", lambda *given: None)
    found = []
    for size in (1, 2, 100):
        told = json.loads(run(capsys, tmp_path, "sampler.num_steps=4", "seeds=0-2", f"batch_size={size}").out)
        found.append(np.load(told["arrays"])["states"])
    assert len(list(tmp_path.iterdir())) == 1
    assert all(np.allclose(each, found[0], atol=1e-3) for each in found)


def test_the_picture_is_told_what_it_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple] = []
    monkeypatch.setattr(tracing, "write_ways", lambda *each: given.append(each))
    done = run(capsys, tmp_path, "sampler=euler", "sampler.num_steps=4", "seeds=3,4", "-m", "class_idx=2")
    assert done.status == 0, done.err
    # A sweep's are one a line.
    told = [json.loads(line) for line in done.out.splitlines()]
    assert [each["seeds"] for each in told] == ["3", "4"]
    (_, levels, states, denoised, names, title), _ = given
    assert list(levels) == told[0]["levels"]
    assert states.shape == denoised.shape == (5, 1, 1, 8, 8)
    assert names == ["seed 3 (class 2)"]
    assert title == "digits, the way of euler 4 steps, NFE 4"


def test_an_unconditional_network_and_what_is_not_finite(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tracing.denoised_way

    def exploding(*given: Any) -> DenoisedWay:
        way = whole(*given)
        states = way.states.clone()
        states[-1, 1] = torch.inf
        return replace(way, states=states)

    monkeypatch.setattr(tracing, "denoised_way", exploding)
    options = ("model.img_resolution=8", "sampler=euler", "sampler.num_steps=3", "seeds=4-6")
    done = run(capsys, tmp_path, *options, model="gaussian_mixture")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert (told["labels"], told["not_finite"]) == ([-1] * 3, [5])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["seeds=0-16"], "seeds=0-16: 17 images; must be 16 at most"),
        (["detector=digits"], "detector=digits: nothing is measured here; leave it out"),
        (["workers=2"], "workers=2: no option of this command, but of another"),
        (["class_idx=10"], "class_idx=10: must be from 0 to 9, the network's classes"),
        (["sampler.sigma_min=100"], "sampler.sigma_min=100"),
    ],
)
def test_mistakes_are_one_line(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run(capsys, tmp_path / "runs", *options)
    assert done.status == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_help_has_its_options_and_no_other(capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "trajectory", "--help")
    assert (done.status, done.err) == (0, "")
    assert "  seeds=  one image each, 16 at most" in done.out
    assert f"sampler=NAME, one of {', '.join(SAMPLERS.names())}; all take" in done.out
    assert not any(f"\n  {name}=" in done.out for name in ("workers", "block_size", "save_images", "metric"))
