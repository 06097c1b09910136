"""A run from config to record: what it depends on, what it leaves, and that nothing finished is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bdia_edm.api import FeatureStatistics, Run, finish, frechet_distance, prepare, sample_images, to_uint8
from bdia_edm.base.errors import UserError
from bdia_edm.base.versions import code_version
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.shards import Shard
from bdia_edm.records.record import read_record
from bdia_edm.records.run_folder import RECORD, RunFolder
from bdia_edm.run.run import count_workers
from tests.commands import run_here

SMALL = ("seeds=0-99", "block_size=30", "batch_size=15", "sampler.num_steps=4")


def silent(line: str) -> None:
    pass


def mixture(tmp_path: Path, *overrides: str) -> Run:
    options = ("+model=gaussian_mixture", f"results_dir={tmp_path}", "model.reference_samples=1000")
    return prepare(*options, *SMALL, *overrides)


def digits(tmp_path: Path, *overrides: str) -> Run:
    return prepare("+model=digits", f"results_dir={tmp_path}", *SMALL, *overrides)


def test_the_record_holds_what_a_reader_needs(tmp_path: Path) -> None:
    run = digits(tmp_path)
    record = finish(run, silent)
    assert record == read_record(run.folder)
    expected = "config model sampler seeds num_images nfe metrics images_per_second precision checksums versions device"
    assert set(expected.split()) | {"command"} <= set(record)
    assert (record["model"], record["seeds"], record["num_images"], record["nfe"]) == ("digits", "0-99", 100, 7)
    assert set(record["checksums"]) == {"model", "detector", "reference"}
    assert list(record["metrics"]) == ["fd_digits"]
    assert record["command"].startswith("python -m bdia_edm.sample +model=digits results_dir=")
    assert record["config"]["model"]["path"] == "embedded:digits.safetensors"
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "grid.png",
        "log.txt",
        "preview.npz",
        RECORD,
        "uncertainty.npz",
    ]


def test_the_distance_is_that_of_the_images(tmp_path: Path) -> None:
    """The figure from blocks, shards and streams is the figure of the images, sampled and measured by hand."""
    run = digits(tmp_path, "save_images=npz")
    record = finish(run, silent)
    files = sorted((run.folder / "images").glob("*.npz"))
    saved = np.concatenate([np.load(file)["arr_0"] for file in files])
    by_hand, labels, nfe = sample_images(run.denoiser, run.config.sampler, range(100))
    pixels = to_uint8(by_hand)
    # Another batch size may differ in the last bit of float32, and so now and then in a pixel.
    assert (pixels.permute(0, 2, 3, 1).numpy() != saved).mean() < 1e-3
    assert np.array_equal(np.concatenate([np.load(file)["labels"] for file in files]), labels.numpy())
    assert np.array_equal(np.concatenate([np.load(file)["seeds"] for file in files]), range(100))
    assert nfe == record["nfe"]
    assert run.detector is not None
    assert run.reference is not None
    statistics = FeatureStatistics(64)
    statistics.add(run.detector(torch.from_numpy(saved).permute(0, 3, 1, 2)).numpy())
    mean, covariance = statistics.mean_and_covariance()
    distance = frechet_distance(mean, covariance, run.reference.mean, run.reference.covariance)
    assert record["metrics"]["fd_digits"] == pytest.approx(distance, rel=1e-6)


@pytest.mark.parametrize(("make", "tolerance"), [(mixture, 0), (digits, 1e-4)])
def test_the_figures_do_not_depend_on_how_it_was_run(make: Any, tolerance: float, tmp_path: Path) -> None:
    """For another batch size to the images' last bits, float32's of digits; the same bits for the same one, resumed."""
    whole = finish(make(tmp_path / "whole"), silent)
    other = finish(make(tmp_path / "other", "batch_size=7"), silent)
    (name,) = whole["metrics"]
    assert other["metrics"][name] == pytest.approx(whole["metrics"][name], rel=tolerance, abs=0)

    run = make(tmp_path / "resumed", "keep_features=true")
    finish(run, silent)
    (run.folder / RECORD).unlink()
    (run.folder / "shards" / "00001.npz").unlink()
    (run.folder / "shards" / "00003.npz").unlink()
    said: list[str] = []
    again = finish(make(tmp_path / "resumed", "keep_features=true"), said.append)
    assert again["metrics"] == whole["metrics"]
    assert again["uncertainty"] == whole["uncertainty"]
    assert "resuming: 60 of 100 images are done" in said


@pytest.mark.parametrize(("make", "tolerance"), [(mixture, 0), (digits, 1e-5)])
def test_features_for_any_batch_size_that_divides_a_block(make: Any, tolerance: float, tmp_path: Path) -> None:
    """The mixture's, in float64, are the same; of digits an image in float32 may now and then be in the next value."""
    features, pixels = [], []
    for batch_size in (30, 15, 10, 3, 1):
        run = make(tmp_path / str(batch_size), f"batch_size={batch_size}", "keep_features=true", "save_images=npz")
        finish(run, silent)
        folder = BlockFolder(run.folder, run.identity, Shard)
        features.append(np.concatenate([folder.read(block).features for block in run.blocks]))
        files = sorted((run.folder / "images").glob("*.npz"))
        pixels.append(np.concatenate([np.load(file)["arr_0"] for file in files]).astype(int))
    for some, of_them in zip(pixels[1:], features[1:], strict=True):
        difference = np.abs(some - pixels[0]).reshape(100, -1)
        assert difference.max() <= (1 if tolerance else 0)
        same = difference.max(axis=1) == 0
        assert same.sum() >= 98
        np.testing.assert_allclose(of_them[same], features[0][same], rtol=0, atol=tolerance)


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first = finish(mixture(tmp_path), silent)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    said: list[str] = []
    assert finish(mixture(tmp_path), said.append) == first
    assert said == [f"done before: {mixture(tmp_path).folder}"]
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert after == {path: when for path, when in before.items() if path.is_file()}


def test_the_log_tells_of_every_start(tmp_path: Path) -> None:
    """All that was said while the run was made, with times: warnings, what was resumed, what was damaged, how far."""
    said: list[str] = []
    finish(mixture(tmp_path, "keep_features=true", "seeds=0-14"), said.append)
    run = mixture(tmp_path, "keep_features=true", "seeds=0-14")
    (run.folder / RECORD).unlink()
    finish(run, said.append)
    finish(run, said.append)
    lines = RunFolder(run.folder).log.read_text().splitlines()
    times, words = zip(*(line.split(" ", 1) for line in lines), strict=True)
    assert sorted(times) == list(times)
    assert [line for line in words if line in said] == [line for line in said if str(run.folder) not in line]
    assert any(line.startswith("warning: 15 images are too few for 16 features") for line in words)
    assert words.count("resuming: 15 of 15 images are done") == 1
    own = [line for line in words if line not in said]
    assert own == [f"begun, workers: 1: {run.command}", "finished"] * 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ({"source": "0" * 64, "commit": "1" * 40}, "source 000000000000, commit 111111111111"),
        ({"source": "0" * 64}, "source 000000000000"),
        ({}, "it does not say which"),
        (None, "it does not say which"),
    ],
)
def test_a_record_of_other_code_is_said_and_kept(code: Any, words: str, tmp_path: Path) -> None:
    record = finish(mixture(tmp_path), silent)
    assert record["code"] == code_version()
    file = mixture(tmp_path).folder / RECORD
    older = {name: value for name, value in record.items() if name != "code"} | ({} if code is None else {"code": code})
    file.write_text(json.dumps(older))
    said: list[str] = []
    assert finish(mixture(tmp_path), said.append) == older
    assert len(said) == 2
    assert said[0].startswith(f"warning: this record was made by other code ({words}) than runs now (source ")
    assert said[1].startswith("done before: ")


def test_the_speeds_are_each_what_they_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a run that was resumed: this start's images by its own clock, and all images by the devices' time."""
    run = mixture(tmp_path, "keep_features=true")
    first = finish(run, silent)
    assert first["images_found"] == 0
    assert first["images_per_wall_second"] == pytest.approx(100 / first["wall_seconds"])
    assert first["images_per_second"] == pytest.approx(100 / first["device_seconds"])
    # The work of one worker lies within the time on the wall.
    assert 0 < first["device_seconds"] <= first["wall_seconds"]
    (run.folder / RECORD).unlink()
    BlockFolder(run.folder, run.identity, Shard).path(run.blocks[1]).unlink()
    resumed = finish(mixture(tmp_path, "keep_features=true"), silent)
    made = run.blocks[1].num
    assert resumed["images_found"] == 100 - made
    assert resumed["images_per_wall_second"] == pytest.approx(made / resumed["wall_seconds"])
    assert resumed["images_per_second"] == pytest.approx(100 / resumed["device_seconds"])
    assert resumed["metrics"] == first["metrics"]


def test_images_asked_for_later_are_made_with_the_same_figures(tmp_path: Path) -> None:
    first = finish(mixture(tmp_path), silent)
    run = mixture(tmp_path, "save_images=png")
    second = finish(run, silent)
    assert second["metrics"] == first["metrics"]
    files = sorted((run.folder / "images").rglob("*.png"))
    assert [file.stem for file in files] == [f"{seed:06d}" for seed in range(100)]
    assert Image.open(files[0]).size == (4, 4)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "garbage"])
def test_a_damaged_shard_is_made_again(damage: str, tmp_path: Path) -> None:
    run = mixture(tmp_path, "keep_features=true")
    whole = finish(run, silent)
    (run.folder / RECORD).unlink()
    shard = run.folder / "shards" / "00002.npz"
    content = shard.read_bytes()
    if damage == "foreign":
        other = mixture(tmp_path, "keep_features=true", "sampler.gamma=0.7")
        finish(other, silent)
        content = (other.folder / "shards" / "00002.npz").read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 4
    shard.write_bytes(
        {"truncated": content[: len(content) // 2], "flipped": bytes(flipped), "empty": b"", "foreign": content}.get(
            damage, b"garbage"
        )
    )
    said: list[str] = []
    again = finish(mixture(tmp_path, "keep_features=true"), said.append)
    assert again["metrics"] == whole["metrics"]
    assert any("00002.npz" in line and "made again" in line for line in said)


def test_killed_at_any_moment_it_ends_in_the_same_figures(tmp_path: Path) -> None:
    """kill -9 while it samples, several times; then it runs through."""
    options = ["seeds=0-1999", "block_size=50", "batch_size=50", "sampler.num_steps=100"]
    command = [sys.executable, "-m", "bdia_edm.sample", "+model=gaussian_mixture", *options]
    undisturbed = finish(prepare("+model=gaussian_mixture", f"results_dir={tmp_path / 'a'}", *options), silent)
    folder = prepare("+model=gaussian_mixture", f"results_dir={tmp_path / 'b'}", *options).folder
    interrupted = 0
    for more in (2, 5, 9):
        with subprocess.Popen([*command, f"results_dir={tmp_path / 'b'}"], stdout=-3, stderr=-3) as process:
            start, had = time.monotonic(), len(list(folder.glob("shards/*.npz")))
            while process.poll() is None and len(list(folder.glob("shards/*.npz"))) < had + more:
                assert time.monotonic() - start < 60
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        interrupted += not (folder / RECORD).exists()
    assert interrupted == 3
    said: list[str] = []
    resumed = finish(prepare("+model=gaussian_mixture", f"results_dir={tmp_path / 'b'}", *options), said.append)
    assert any(line.startswith("resuming: ") for line in said)
    for key in ("metrics", "nfe", "seeds", "checksums", "sampler"):
        assert resumed[key] == undisturbed[key]
    assert list(folder.rglob("*.partial")) == []


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    options = ["seeds=0-1999", "block_size=50", "batch_size=50", "sampler.num_steps=100", f"results_dir={tmp_path}"]
    command = [sys.executable, "-m", "bdia_edm.sample", "+model=gaussian_mixture", *options]
    folder = prepare("+model=gaussian_mixture", *options).folder
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        while len(list(folder.glob("shards/*.npz"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("interrupted; what is finished is kept, and the same command goes on from there\n")
    assert len(list(folder.glob("shards/*.npz"))) >= 2


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """The file size limit stands for the disk: writing beyond it fails with EFBIG as on a full disk with ENOSPC."""
    options = ["+model=gaussian_mixture", "seeds=0-1999", "block_size=1000", "sampler.num_steps=3"]
    options += [f"results_dir={tmp_path}", "save_images=none"]
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
    code = limited + "import runpy; runpy.run_module('bdia_edm.sample', run_name='__main__', alter_sys=True)"
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "cannot write there" in done.stderr
    assert "what is finished is kept" in done.stderr
    assert list(tmp_path.rglob("*.partial")) == []
    assert finish(prepare(*options), silent)["num_images"] == 2000


def test_images_that_are_not_finite_name_their_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = mixture(tmp_path)
    forward = type(run.denoiser).forward

    def broken(self: Any, x: Any, sigma: Any, class_labels: Any = None) -> Any:
        out = forward(self, x, sigma, class_labels)
        out[3] = float("nan")
        return out

    monkeypatch.setattr(type(run.denoiser), "forward", broken)
    with pytest.raises(UserError, match=r"seeds 3,18: 2 of 30 images of the block are not finite"):
        finish(run, silent)
    assert not (run.folder / RECORD).exists()


def test_class_idx(tmp_path: Path) -> None:
    run = digits(tmp_path, "class_idx=3")
    said: list[str] = []
    record = finish(run, said.append)
    # Before the first image, and once; whoever reads only the record has it too.
    warning = (
        "warning: class_idx=3: the images are of one class; unless model.reference=embedded:digits_reference.npz is"
    )
    assert said[1].startswith(warning)
    assert record["warnings"] == [line for line in said if "warning" in line] == said[:2]
    assert (np.load(run.folder / "preview.npz")["labels"] == 3).all()
    drawn = digits(tmp_path)
    assert not any("class_idx" in line for line in finish(drawn, silent)["warnings"])
    # Nothing is compared, nothing is doubtful.
    assert finish(digits(tmp_path, "class_idx=3", "detector=none"), silent)["warnings"] == []
    labels = np.load(drawn.folder / "preview.npz")["labels"]
    assert len(set(labels)) == 10


def test_without_a_detector_nothing_is_measured(tmp_path: Path) -> None:
    run = digits(tmp_path, "detector=none", "seeds=5")
    record = finish(run, silent)
    assert record["metrics"] == {}
    assert set(record["checksums"]) == {"model"}
    assert Image.open(run.folder / "grid.png").size == (270, 32)


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    run = mixture(tmp_path)
    finish(run, silent)
    (run.folder / RECORD).write_text(json.dumps([1]))
    with pytest.raises(UserError, match=r"must be an object\); remove it to run again"):
        finish(mixture(tmp_path), silent)
    os.remove(run.folder / RECORD)
    assert finish(mixture(tmp_path), silent)["num_images"] == 100


def test_features_asked_for_later_are_made(tmp_path: Path) -> None:
    first = finish(mixture(tmp_path), silent)
    run = mixture(tmp_path, "keep_features=true")
    assert finish(run, silent)["metrics"] == first["metrics"]
    assert len(list((run.folder / "shards").glob("*.npz"))) == 4


def test_shards_that_a_kill_left_beside_the_record_are_removed(tmp_path: Path) -> None:
    run = mixture(tmp_path, "keep_features=true")
    first = finish(run, silent)
    assert RunFolder(run.folder).shards.is_dir()
    said: list[str] = []
    assert finish(mixture(tmp_path), said.append) == first
    assert said == [f"done before: {run.folder}"]
    assert not RunFolder(run.folder).shards.exists()


def test_too_few_images_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    finish(digits(tmp_path, "seeds=0-49"), said.append)
    assert said[0].startswith("warning: 50 images are too few for 64 features: ")
    said.clear()
    finish(digits(tmp_path), said.append)
    assert said[0].startswith("warning: 100 images are fewer than 5 for each of 64 features: ")
    assert "warning" not in said[1]
    said.clear()
    finish(mixture(tmp_path), said.append)  # of 16 features
    assert not any("warning" in line for line in said)


def test_features_that_are_not_finite_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = digits(tmp_path)
    assert run.detector is not None

    def broken(self: Any, images: Any) -> Any:
        return torch.full((len(images), 64), float("inf"))

    monkeypatch.setattr(type(run.detector), "__call__", broken)
    with pytest.raises(UserError, match=r"seeds 0-29: the detector's features are not finite"):
        finish(run, silent)
    assert not (run.folder / RECORD).exists()


def test_the_launcher_leaves_the_gpus_to_its_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    run = prepare("+model=digits", f"results_dir={tmp_path}")
    assert (run.num_workers, run.device, run.device_type) == (2, torch.device("cpu"), "cuda")
    assert '"device": "cuda"' in run.identity
    with pytest.raises(UserError, match="workers=3: each takes a GPU, and PyTorch finds 2 here"):
        prepare("+model=digits", "workers=3", f"results_dir={tmp_path}")
    with pytest.raises(UserError, match="workers=2: device=cuda:1 is a single GPU; take device=cuda"):
        prepare("+model=digits", "workers=2", "device=cuda:1", f"results_dir={tmp_path}")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("workers=0", "error: workers=0: must be auto or from 1 to 1024\n"),
        ("workers=many", "error: workers=many: must be auto or from 1 to 1024\n"),
        ("workers=1.5", "error: workers=1.5: must be a whole number or a text\n"),
    ],
)
def test_mistakes_in_the_number_of_workers(
    option: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    status, out, err = run_here(capsys, "sample", "+model=digits", option, f"results_dir={tmp_path}")
    assert (status, out, err) == (2, "", message)


def test_workers_beside_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"^workers=3: 2 were started already \(WORLD_SIZE\); leave workers out$"):
        prepare("+model=digits", "workers=3", f"results_dir={tmp_path}")
    prepare("+model=digits", "workers=2", f"results_dir={tmp_path}")


def test_auto_is_one_for_each_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = prepare("+model=digits", "device=cpu", f"results_dir={tmp_path}")
    assert run.num_workers == 1
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    assert run.num_workers == 1
    object.__setattr__(run, "device_type", "cuda")
    assert run.num_workers == 8
    # The number of the GPU is no part of the identity: the images are the same.
    one = replace(run.config, device="cuda:1")
    assert count_workers(one, "cuda") == 1
    assert list(one.deciding()) == list(run.config.deciding())
