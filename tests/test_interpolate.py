"""python -m bdia_edm.interpolate: strips between inverted images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bdia_edm.checkpoints.locating import ASSETS
from bdia_edm.records.json_types import parse
from bdia_edm.records.record import as_record, read_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.run import interpolating
from tests.commands import Result, run_here
from tests.foreign_images import made_pixels, write_npz

SMALL = ("sampler.num_steps=5", "batch_size=4", "block_size=3")


def run(capsys: pytest.CaptureFixture, folder: Path, *options: str, command: str = "interpolate") -> Result:
    return run_here(capsys, command, "+model=digits", f"results_dir={folder}", *SMALL, *options)


@pytest.mark.parametrize("sampler", ["bdia", "edict", "obelm", "euler"])
def test_strips_from_image_to_image(sampler: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run(capsys, tmp_path, f"sampler={sampler}", "indices='0-2,7'", "frames=5")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    (folder,) = tmp_path.iterdir()
    assert told["folder"] == str(folder)
    record = read_record(folder)
    assert record is not None
    assert (record["task"], record["seeds"]) == ("invert", "0-2,7")
    with np.load(ASSETS / "digits_images.npz") as data:
        originals, labels = data["arr_0"], data["labels"]
    with np.load(told["strips"]) as found:
        strips = found["arr_0"].reshape(2, 5, 8, 8, 1)
        assert found["indices"].tolist() == [[0, 1], [2, 7]]
        assert (found["labels"] == labels[found["indices"]]).all()
        assert found["weights"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert [pair["indices"] for pair in told["pairs"]] == [[0, 1], [2, 7]]
    ends = originals[[0, 1, 2, 7]].reshape(2, 2, 8, 8, 1)
    errors = [error for pair in told["pairs"] for error in pair["end_errors"]]
    if sampler == "euler":
        assert min(errors) > 1e-2
    else:
        assert (strips[:, [0, -1]] == ends).all()
        # In other batches than the inversion's float32 rounds otherwise, which BDIA at gamma 1 multiplies.
        assert max(errors) < 1e-3
        between = np.sqrt(np.square(np.diff(strips / 127.5, axis=1)).mean(axis=(2, 3, 4)))
        for row, pair in zip(between, told["pairs"], strict=True):
            if max(pair["distances"]) < 1:  # pixels are clipped, and states are not
                assert np.abs(row - pair["distances"]).max() < 0.1
    for strip in strips:
        assert all((strip[2] != strip[end]).any() for end in (0, -1))
    assert told["largest_distance"] == max(max(pair["distances"]) for pair in told["pairs"])
    assert all(len(pair["distances"]) == 4 and 60 < pair["angle"] < 120 for pair in told["pairs"])
    assert Image.open(told["picture"]).size[0] > 1000


def test_the_picture_has_a_row_for_each_pair(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, np.ndarray] = {}
    titles: list[str] = []

    def draw(path: Path, rows: list[tuple[str, np.ndarray]], title: str) -> None:
        drawn.update(rows)
        titles.append(title)

    monkeypatch.setattr(interpolating, "write_side_by_side", draw)
    told = json.loads(run(capsys, tmp_path, "sampler=obelm", "indices='5,1-3'", "frames=30").out)
    assert titles == ["digits, between images by the inverse of obelm 5 steps"]
    assert list(drawn) == ["5 (class 5)\nto 1 (class 1)", "2 (class 2)\nto 3 (class 3)"]
    strips = np.load(told["strips"])["arr_0"].reshape(2, 30, 8, 8, 1)
    for row, strip in zip(drawn.values(), strips, strict=True):
        assert len(row) == 25
        assert (row[[0, -1]] == strip[[0, -1]]).all()


def test_latents_that_are_there_are_used(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    inverted = run(capsys, tmp_path, "indices=0-1", command="invert")
    assert inverted.status == 0, inverted.err
    for frames in (3, 5):
        done = run(capsys, tmp_path, "indices=0-1", f"frames={frames}")
        assert "done before" in done.err
        told = json.loads(done.out)
        assert Path(told["strips"]).parent.name == f"{frames}frames"
        assert np.load(told["strips"])["arr_0"].shape == (frames, 8, 8, 1)
    (folder,) = tmp_path.iterdir()
    assert as_record(parse(inverted.out)) == read_record(folder)
    again = run(capsys, tmp_path, "indices=0-1", "frames=5")
    assert json.loads(again.out) == told


def test_a_strip_does_not_depend_on_the_batches(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A batch ends within a strip, at its end, or holds several."""
    strips = []
    for size in (1, 3, 4, 10):
        options = ("sampler=obelm", "indices=0-3", "frames=3", f"batch_size={size}", "block_size=500")
        told = json.loads(run(capsys, tmp_path, *options).out)
        strips.append(np.load(told["strips"])["arr_0"].astype(int))
    assert all(np.abs(each - strips[0]).max() <= 1 for each in strips)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unconditional_network(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_npz(tmp_path / "a.npz", made_pixels(2))
    images, results = f"images={tmp_path / 'a.npz'}", f"results_dir={tmp_path / 'runs'}"
    model = ("+model=gaussian_mixture", "model.img_resolution=8", "sampler=edict", "sampler.num_steps=5")
    done = run_here(capsys, "interpolate", *model, images, results)
    assert done.status == 0, done.err
    told = json.loads(done.out)
    assert told["pairs"][0]["labels"] == [-1, -1]
    assert max(told["pairs"][0]["end_errors"]) < 1e-9
    assert (np.load(told["strips"])["arr_0"][[0, -1]] == made_pixels(2)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["indices=0-2"], "indices=0-2: 3 images; must be an even number"),
        ([], "indices=null: 1,797 images; must be 128 at most, 64 pairs"),
        (["frames=2"], "frames=2: must be from 3 to 1000"),
        (["frame=5"], "frame=5: unknown option; --help lists those there are; did you mean frames?"),
        (["indices=0-1", "detector=digits"], "detector=digits: an inversion is measured without a detector"),
        (["indices=1796-1797"], "indices=1796-1797: must be below 1,797, the number of images"),
    ],
)
def test_mistakes_are_one_line(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run(capsys, tmp_path / "runs", *options)
    assert done.status == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_damaged_shard_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(capsys, tmp_path, "indices=0-1", command="invert").status == 0
    (folder,) = tmp_path.iterdir()
    shard = RunFolder(folder).shard(0)
    shard.write_bytes(shard.read_bytes()[:-100])
    done = run(capsys, tmp_path, "indices=0-1")
    assert done.status == 2
    assert f"error: {shard}: unreadable" in done.err
    assert done.err.splitlines()[-1].endswith("remove it, and it is made again")
    shard.unlink()
    assert run(capsys, tmp_path, "indices=0-1").status == 0


def test_what_is_not_finite_is_no_strip(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = torch.zeros(4, 1, 8, 8, dtype=torch.float64)
    made[3, 0, 0, 0] = torch.nan
    monkeypatch.setattr(interpolating, "interpolate", lambda *given: (made[: len(given[4])], 1))
    done = run(capsys, tmp_path, "indices='3,5'", "frames=4")
    assert done.status == 2
    assert done.err.splitlines()[-1].startswith(
        "error: images 3 and 5: an image between them is not finite; take fewer"
    )
    assert not list(tmp_path.rglob("interpolation.*"))


def test_the_help_has_the_option(capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "interpolate", "--help")
    assert (done.status, done.err) == (0, "")
    assert "  frames=  images of a strip, both ends among them; from 3 to 1000; default 9\n" in done.out
    assert "sampler=NAME, one of bdia, edict, euler, heun, obelm, rex; all take" in done.out
