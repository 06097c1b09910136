"""python -m bdia_edm.invert: images to latents and back; the same whoever makes it and however it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.api import InversionRun, finish, prepare_inversion
from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.locating import ASSETS
from bdia_edm.records.json_types import parse
from bdia_edm.records.record import as_record, read_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.samplers.denoising import BatchDenoiser
from tests.commands import run_here
from tests.foreign_images import made_pixels, write_folder, write_npz

SMALL = ("indices=0-69", "block_size=20", "batch_size=10", "sampler.num_steps=5", "sampler=bdia")


def silent(line: str) -> None:
    pass


def digits(folder: Path, *options: str) -> InversionRun:
    return prepare_inversion("+model=digits", f"results_dir={folder}", *SMALL, *options)


def states_of(run: InversionRun) -> np.ndarray:
    return np.concatenate([np.load(path)["states"] for path in sorted(RunFolder(run.folder).shards.glob("*.npz"))])


def test_the_record_and_what_lies_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "invert", "+model=digits", f"results_dir={tmp_path}", *SMALL)
    assert done.status == 0, done.err
    record = as_record(parse(done.out))
    (folder,) = tmp_path.iterdir()
    assert record == read_record(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["log.txt", "record.json", "round_trips.png", "shards"]
    assert (record["task"], record["seeds"], record["num_images"]) == ("invert", "0-69", 70)
    # Heun's up, with a plain first step, and down, without the first step.
    assert (record["nfe_inverse"], record["nfe"]) == (1 + 2 * 3, 7 + 2 * 3)
    assert record["metrics"]["roundtrip_max"] < 1e-9
    assert record["metrics"]["roundtrip_psnr"] > 180
    assert 0.2 < record["metrics"]["latent_std"] < 1.5
    assert set(record["checksums"]) == {"model", "images"}
    assert record["command"].startswith("python -m bdia_edm.invert +model=digits")
    again = run_here(capsys, "invert", "+model=digits", f"results_dir={tmp_path}", *SMALL)
    assert again.out == done.out
    assert "done before" in again.err


def test_the_kept_states_lead_back(tmp_path: Path) -> None:
    run = digits(tmp_path)
    finish(run, silent)
    with np.load(RunFolder(run.folder).shard(3)) as shard:
        assert shard["indices"].tolist() == list(range(60, 70))
        states, labels = torch.from_numpy(shard["states"]), torch.from_numpy(shard["labels"])
        originals = shard["originals"]
    with np.load(ASSETS / "digits_images.npz") as data:
        assert (originals == data["arr_0"][60:70]).all()
        assert (labels.numpy() == data["labels"][60:70]).all()
    with torch.inference_mode():
        denoiser = BatchDenoiser(run.denoiser, torch.eye(10)[labels])
        *_, (_, image) = run.config.sampler.forward(denoiser, *states.transpose(0, 1))
    assert np.abs(image[0].permute(0, 2, 3, 1).numpy() - (originals / 127.5 - 1)).max() < 1e-9


@pytest.mark.parametrize("options", [["workers=2"], ["block_size=70", "batch_size=10"]])
def test_the_figures_do_not_depend_on_how_it_was_run(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two workers take a core each, and with another number of threads float32's last bits differ.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _same_figures(options, tmp_path)
    finally:
        torch.set_num_threads(threads)


def _same_figures(options: list[str], tmp_path: Path) -> None:
    plain, other = digits(tmp_path / "a"), digits(tmp_path / "b", *options)
    records = [finish(run, silent) for run in (plain, other)]
    assert records[0]["metrics"] == records[1]["metrics"]
    assert (states_of(plain) == states_of(other)).all()


def test_killed_it_goes_on_with_what_is_finished(tmp_path: Path) -> None:
    run = digits(tmp_path / "whole")
    whole = finish(run, silent)
    line = [sys.executable, "-m", "bdia_edm.invert", "+model=digits", f"results_dir={tmp_path / 'cut'}", *SMALL]
    cut = digits(tmp_path / "cut")
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not RunFolder(cut.folder).shard(0).exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert read_record(cut.folder) is None
    said: list[str] = []
    record = finish(cut, said.append)
    assert any(line.startswith("resuming: ") for line in said)
    assert record["images_found"] >= 20
    assert record["metrics"] == whole["metrics"]
    assert (states_of(run) == states_of(cut)).all()


def test_a_shard_that_is_gone_is_made_again(tmp_path: Path) -> None:
    """The latents are a part of what was asked for."""
    run = digits(tmp_path)
    record = finish(run, silent)
    before = states_of(run)
    RunFolder(run.folder).shard(1).unlink()
    assert finish(run, silent)["metrics"] == record["metrics"]
    assert (states_of(run) == before).all()


def test_ones_own_images(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pixels = made_pixels(5)
    write_folder(tmp_path / "pngs", pixels)
    given = [f"images={tmp_path / 'pngs'}", f"results_dir={tmp_path / 'runs'}", "sampler=obelm", "sampler.num_steps=4"]
    refused = run_here(capsys, "invert", "+model=digits", *given)
    assert refused.status == 2
    assert "no classes in it" in refused.err
    assert "digits has 10; give class_idx" in refused.err
    done = run_here(capsys, "invert", "+model=digits", *given, "class_idx=3")
    assert done.status == 0, done.err
    assert json.loads(done.out)["num_images"] == 5
    (shard,) = (tmp_path / "runs").glob("*/shards/*.npz")
    with np.load(shard) as found:
        assert (found["originals"] == pixels).all()
        assert (found["labels"] == 3).all()


def test_other_images_are_another_run(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", made_pixels(4), labels=np.array([0, 1, 2, 3]))
    first = digits(tmp_path, f"images={tmp_path / 'a.npz'}", "indices=null")
    assert digits(tmp_path, f"images={tmp_path / 'a.npz'}", "indices=null").identity == first.identity
    write_npz(tmp_path / "a.npz", made_pixels(4), labels=np.array([0, 1, 2, 4]))
    assert digits(tmp_path, f"images={tmp_path / 'a.npz'}", "indices=null").identity != first.identity
    write_npz(tmp_path / "a.npz", 255 - made_pixels(4), labels=np.array([0, 1, 2, 3]))
    assert digits(tmp_path, f"images={tmp_path / 'a.npz'}", "indices=null").identity != first.identity


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["images=nowhere"], "images=nowhere: no such folder or file"),
        (["+model=gaussian_mixture"], "images=reference: the card of gaussian_mixture names no images of its data"),
        (["indices=1790-1800"], "indices=1790-1800: must be below 1,797, the number of images"),
        (["class_idx=10"], "class_idx=10: must be from 0 to 9"),
        (["detector=digits"], "detector=digits: an inversion is measured without a detector"),
        (["seeds=0-9"], "seeds=0-9: no option of this command, but of another"),
    ],
)
def test_mistakes_are_one_line(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = [] if any("model" in each for each in options) else ["+model=digits"]
    done = run_here(capsys, "invert", *model, *options, f"results_dir={tmp_path}")
    assert done.status == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", made_pixels(3, channels=3, size=16))
    with pytest.raises(UserError, match=r"3 x 16 x 16 \(channels, height, width\), and digits takes 1 x 8 x 8"):
        digits(tmp_path, f"images={tmp_path / 'a.npz'}", "indices=null", "class_idx=0")


def test_useless_latents_are_said_and_kept_in_the_record(tmp_path: Path) -> None:
    said: list[str] = []
    record = finish(digits(tmp_path, "sampler.gamma=0.5", "sampler.scaling=vp", "sampler.num_steps=18"), said.append)
    assert record["metrics"]["latent_std"] > 2
    assert any("useless" in warning for warning in record["warnings"])
    assert set(record["warnings"]) <= set(said)


def test_the_grid_arithmetic_returns_every_pixel(tmp_path: Path) -> None:
    record = finish(digits(tmp_path, "sampler.arithmetic=grid", "sampler.num_steps=18"), silent)
    # The image itself is put on the multiples of 2^-40.
    assert record["metrics"]["roundtrip_max"] <= 2**-41
    assert record["metrics"]["roundtrip_max"] > 0


def test_compare_makes_the_table_of_inverses(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = "grid=[{sampler: euler, iterations: [0, 3]},{sampler: bdia, gamma: [0.9, 1.0]},{sampler: obelm}]"
    options = ("task=invert", "+model=digits", "indices=0-19")
    done = run_here(capsys, "compare", *options, grid, f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    text = (tmp_path / "comparison.md").read_text()
    assert done.out.rstrip() == text.rstrip()
    assert "### digits: 20 images (numbers 0-19), roundtrip_" in text
    rows = [line.split(" | ")[0].strip("| ") for line in text.splitlines() if line.startswith("| ")]
    assert sorted(rows[2:]) == ["bdia", "bdia", "euler", "euler iterations=3", "obelm"]
    assert (tmp_path / "comparison.png").exists()
    assert not (tmp_path / "side_by_side.png").exists()
    records = [json.loads(path.read_text()) for path in tmp_path.glob("*/record.json")]
    assert {record["iterations"] for record in records} == {0, 3}
    pasted = next(record["command"] for record in records if record["iterations"]).split()[3:]
    again = run_here(capsys, "invert", *pasted)
    assert "done before" in again.err
    refused = run_here(capsys, "compare", "task=edt", "+model=digits")
    assert "task=edt: must be one of sample, invert" in refused.err
