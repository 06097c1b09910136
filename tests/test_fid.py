"""python -m bdia_edm.fid as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bdia_edm.base.options import options_of
from bdia_edm.checkpoints.locating import locate
from bdia_edm.fid import main
from bdia_edm.metrics.metric import METRICS
from bdia_edm.run.measuring import Measuring
from tests.commands import run_apart
from tests.foreign_images import (
    encrypt_entries,
    image_of,
    made_pixels,
    png_bytes,
    png_of,
    write_folder,
    write_npz,
    write_zip,
)
from tests.metrics.test_metric import Widest

DIGITS = "embedded:digits_reference.npz"
DIGITS_FILE = locate(DIGITS)
PIXELS = made_pixels(100)


def fid(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_reference_and_a_distance(tmp_path: Path) -> None:
    write_folder(tmp_path / "data", PIXELS)
    made = run_apart("fid", "ref", "--data", "data", "--dest", "ref.npz", "--detector", "digits", cwd=tmp_path)
    assert made.status == 0, made.err
    assert made.out.startswith("ref.npz: 100 images, detector digits, batch 64 on ")
    assert made.out.count("\n") == 1
    assert "100/100" in made.err
    line = ("fid", "calc", "--images", "data", "--ref", "ref.npz")
    done = run_apart(*line, cwd=tmp_path)
    assert done.status == 0, done.err
    name, distance = done.out.split(":")[0].split()
    assert name == "fd_digits"
    assert abs(float(distance)) < 1e-9
    assert done.out.count("\n") == 1
    result = json.loads(run_apart(*line, "--json", "--num", "80", "--seed", "3", cwd=tmp_path).out)
    assert (result["num_images"], result["num_found"], result["seed"]) == (80, 100, 3)
    for checksum in ("detector", "images", "reference"):
        assert len(result["checksums"][checksum]) == 64
    assert result["checksums"]["reference"][:12] in done.out
    drawn = fid(*line[1:2], "--images", tmp_path / "data", "--ref", tmp_path / "ref.npz", "--num", 80, "--seed", 3)
    assert f"{result['metrics']['fd_digits']:.10g}: 80 images of 100, drawn by seed 3," in drawn.stdout


def test_only_inceptions_is_called_fid_and_none_measures_nothing(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    refused = fid("calc", "--images", tmp_path / "a.npz", "--ref", DIGITS, "--detector", "none")
    assert refused.exit_code == 2
    assert "none" not in fid("calc", "--help").stdout
    assert fid("calc", "--images", tmp_path / "a.npz", "--ref", DIGITS).stdout.startswith("fd_digits ")


def test_force(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    line = ("ref", "--data", tmp_path / "a.npz", "--dest", tmp_path / "ref.npz", "--detector", "pixels")
    assert fid(*line).exit_code == 0
    again = fid(*line)
    assert again.exit_code == 2
    assert again.stderr == f"error: --dest={tmp_path / 'ref.npz'}: is there already; --force replaces it\n"
    assert fid(*line, "--force").exit_code == 0
    assert fid(*line[:-2], "--force").exit_code == 2  # no detector


def folder_with(path: Path, data: bytes) -> Path:
    write_folder(path, PIXELS)
    (path / "009" / "00099.png").write_bytes(data)
    return path


def zip_with(path: Path, name: str) -> Path:
    write_zip(path, PIXELS)
    old = b"009/00099.png"
    path.write_bytes(path.read_bytes().replace(old, name.encode().ljust(len(old), b"_")))
    return path


def encrypted(path: Path) -> Path:
    write_zip(path, PIXELS)
    encrypt_entries(path)
    return path


def objects(path: Path) -> Path:
    np.savez(path, arr_0=np.array([{}], dtype=object))
    return path


def empty(path: Path) -> Path:
    path.mkdir()
    return path


TRUNCATED = png_of(image_of(PIXELS[0]))[:-40]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: empty(folder / "a"), "no images in it or below"),
        (lambda folder: folder / "none", "no such folder or file"),
        (lambda folder: folder_with(folder / "a", TRUNCATED), "00099.png: "),
        (lambda folder: folder_with(folder / "a", b"hello"), "00099.png: not a readable image"),
        (lambda folder: folder_with(folder / "a", png_bytes(90_000, 90_000, 8, 0, b"")), "00099.png: too large"),
        (lambda folder: folder_with(folder / "a", png_of(image_of(made_pixels(1, 3)[0]))), "00099.png: is 8x8 RGB"),
        (lambda folder: zip_with(folder / "a.zip", "../x.png"), "leads out of the zip"),
        (lambda folder: zip_with(folder / "a.zip", "/etc/x.png"), "leads out of the zip"),
        (lambda folder: encrypted(folder / "a.zip"), "encrypted"),
        (lambda folder: objects(folder / "a.npz"), "a.npz: arr_0 is object"),
    ],
)
def test_images_that_are_refused(make: Callable[[Path], Path], message: str, tmp_path: Path) -> None:
    images = make(tmp_path)
    for done in (
        fid("calc", "--images", images, "--ref", DIGITS),
        fid("ref", "--data", images, "--dest", tmp_path / "ref.npz", "--detector", "digits"),
    ):
        assert done.exit_code == 2
        assert done.stdout == ""
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert message in errors[0]
        assert done.stderr.endswith(f"{errors[0]}\n")
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "ref.npz").exists()


COVARIANCE = np.eye(64)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(64)}, "must be an npz with mu and sigma"),
        ({"mu": np.zeros(63), "sigma": np.eye(63)}, "must be (64,) and (64, 64)"),
        ({"mu": np.full(64, np.nan), "sigma": COVARIANCE}, "must be finite"),
        ({"mu": np.zeros(64), "sigma": np.full((64, 64), np.inf)}, "must be finite"),
        ({"mu": np.zeros(64), "sigma": COVARIANCE + np.triu(np.ones((64, 64)), 1)}, "must be symmetric"),
        ({"mu": np.zeros(64), "sigma": -COVARIANCE}, "must have no negative variance"),
        ({"mu": np.zeros(64), "sigma": np.full((64, 64), {}, dtype=object)}, "must be an npz with mu and sigma"),
    ],
)
def test_references_that_are_refused(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    np.savez(tmp_path / "ref.npz", **arrays)  # type: ignore[arg-type]
    done = fid("calc", "--images", tmp_path / "a.npz", "--ref", tmp_path / "ref.npz", "--detector", "digits")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: --ref={tmp_path / 'ref.npz'}: ")
    assert message in done.stderr
    # Not even a progress bar: the detector has not seen an image.
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--num", 1), "--num=1: must be at least 2"),
        (("--num", 101), "--num=101: --images=IMAGES holds 100 images; take 100 or fewer, or leave it out for all"),
        (("--batch", 0), "--batch=0: must be at least 1"),
        (("--detector", "pixels", "--detector-path", "x"), "--detector-path=x: the detector pixels has no file; leave"),
        (("--detector-sha256", "0" * 64), "is for --detector-path, which is not given"),
        (("--detector", "pixel"), "--detector=pixel: must be one of digits, dinov2, inception"),
        (("--metric", "kit"), "--metric=kit: must be one of"),
        (("--metric", "kid"), "--metric=kid: needs features of the data, and the reference keeps none; python -m"),
        (("--metric", "mmd", "--ref-features", DIGITS), f"--ref-features={DIGITS_FILE}: must keep features, as python"),
        (("--detector", "pixels"), f"--ref={DIGITS_FILE}: made with the detector digits"),
    ],
)
def test_options_are_called_as_they_are_typed(given: tuple[object, ...], message: str, tmp_path: Path) -> None:
    images = write_npz(tmp_path / "a.npz", PIXELS)
    done = fid("calc", "--images", images, "--ref", DIGITS, *given)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: --")
    assert message.replace("IMAGES", str(images)) in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_metric_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS._found, "widest", Widest)
    images = write_npz(tmp_path / "a.npz", PIXELS)
    assert "|widest]" in fid("calc", "--help").stdout
    line = ("calc", "--images", images, "--ref", DIGITS, "--metric", "widest", "--metric", "frechet")
    result = json.loads(fid(*line, "--json").stdout)
    assert list(result["metrics"]) == ["widest_digits", "fd_digits"]
    assert "--metric widest --metric frechet" in result["command"]
    shown = ", ".join(f"{name} {value:.10g}" for name, value in result["metrics"].items())
    assert fid(*line).stdout.startswith(f"{shown}: 100 images, detector digits")


def test_a_reference_with_features(tmp_path: Path) -> None:
    images = write_npz(tmp_path / "a.npz", PIXELS)
    line = ("ref", "--data", images, "--detector", "digits", "--dest")
    assert fid(*line, tmp_path / "all.npz", "--features").stdout.endswith(", features of 100 kept\n")
    assert fid(*line, tmp_path / "some.npz", "--features", 60).stdout.endswith(", features of 60 kept\n")
    assert " kept" not in fid(*line, tmp_path / "none.npz").stdout
    done = fid("calc", "--images", images, "--ref", tmp_path / "some.npz", "--metric", "kid")
    assert done.stdout.startswith("kid_digits ")
    assert done.stdout.endswith(f"from {tmp_path / 'some.npz'}, features of 60 images\n")
    beside = ("--ref-features", "embedded:digits_reference_features.npz")
    done = fid("calc", "--images", images, "--ref", DIGITS, "--metric", "kid", *beside)
    assert done.stdout.endswith(f"from {DIGITS}, features of 1797 images\n")


def test_the_help_says_every_option_its_default_and_its_range() -> None:
    for command, left_out in (("calc", ()), ("ref", ("metric",))):
        shown = " ".join(fid(command, "--help").stdout.split())
        for found, facts in options_of(Measuring):
            flag = f"--{found.name.replace('_', '-')} "
            assert (flag in shown) == (found.name not in left_out)
            if flag not in shown:
                continue
            told = shown.partition(flag)[2].partition(" --")[0]
            assert facts.words in told
            assert facts.one_of or facts.allowed in told
            if isinstance(found.default, int | str):
                assert f"[default: {found.default}]" in told


def test_usage() -> None:
    assert fid("calc").exit_code == 2
    assert "--images" in fid("calc").stderr
    assert fid("calc", "--images", "x", "--ref", "y", "--num", "many").exit_code == 2
    for done in (fid("--help"), fid("calc", "--help"), fid("ref", "--help")):
        assert done.exit_code == 0
