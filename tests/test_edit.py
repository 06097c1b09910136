"""python -m bdia_edm.edit: round trips that end in another class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.api import EditingRun, finish, prepare_editing
from bdia_edm.checkpoints.locating import ASSETS
from bdia_edm.engine.round_trip import Edit, round_trip
from bdia_edm.run.editing import unrelated
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import make_sampler
from tests.commands import run_here
from tests.references import build

SMALL = ("indices=0-19", "batch_size=10", "sampler.num_steps=6", "sampler=euler")


def prepared(folder: Path, *options: str) -> EditingRun:
    return prepare_editing("+model=digits", f"results_dir={folder}", *SMALL, *options)


def sampler_of(name: str, **options: object) -> InvertibleSampler:
    sampler = make_sampler(name, {"num_steps": 6, **options})
    assert isinstance(sampler, InvertibleSampler)
    return sampler


def test_an_edit_to_its_own_class_is_a_round_trip(tmp_path: Path) -> None:
    network = build("tiny-song-vp-cond")
    images = torch.randn(3, network.img_channels, *[network.img_resolution] * 2, dtype=torch.float64).clamp(-1, 1)
    labels = torch.eye(network.label_dim)[torch.tensor([0, 1, 2])]
    for name, options in (("bdia", {"gamma": 1.0}), ("edict", {}), ("obelm", {})):
        sampler = sampler_of(name, **options)
        for step in (0, 2, 4):
            found = round_trip(network, sampler, images, labels, edit=Edit(labels, step))
            assert found.level == pytest.approx(sampler.levels(BatchDenoiser(network))[step])
            # The network is float32: an input that comes back to rounding alone may fall on the next of its numbers.
            assert float((found.reconstructions - images).abs().max()) < 1e-4
    other = round_trip(network, sampler, images, labels, edit=Edit(labels.roll(1, 0), 0))
    assert float((other.reconstructions - images).abs().max()) > 1e-2


def test_a_later_step_costs_less_and_keeps_more(tmp_path: Path) -> None:
    records = [finish(prepared(tmp_path, f"edit.step={step}"), str) for step in (0, 2, 4)]
    assert [record["nfe"] for record in records] == [10, 6, 2]
    kept = [record["metrics"]["edit_ssim"] for record in records]
    assert kept[0] < kept[1] < kept[2]
    assert records[0]["metrics"]["edit_success"] > 0.8
    assert records[2]["metrics"]["edit_unchanged"] > 0.8
    assert all(
        record["labels"]["columns"]["edit step"] == step for record, step in zip(records, (0, 2, 4), strict=True)
    )


def test_the_record_and_what_lies_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = ("+model=digits", f"results_dir={tmp_path}", *SMALL, "edit.class_idx=7")
    done = run_here(capsys, "edit", *options)
    assert done.status == 0, done.err
    record = json.loads(done.out)
    (folder,) = tmp_path.iterdir()
    files = ["edits.png", "log.txt", "preview.npz", "record.json", "shards"]
    assert sorted(path.name for path in folder.iterdir()) == files
    assert record["task"] == "edit"
    assert record["config"]["edit"] == {"class_idx": 7, "step": 0, "partner": "keep"}
    assert set(record["checksums"]) == {"model", "images", "detector", "reference"}
    assert {"edit_success", "edit_ssim", "edit_rms", "unrelated_ssim", "fd_digits"} <= set(record["metrics"])
    with np.load(folder / "shards" / "00000.npz") as shard, np.load(ASSETS / "digits_images.npz") as data:
        assert (shard["originals"] == data["arr_0"][:20]).all()
        assert (shard["new_labels"] == 7).all()
        share = (shard["logits"].argmax(axis=1) == 7).mean()
    own = np.load(ASSETS / "digits_images.npz")["labels"][:20] == 7
    # Those that were of the class already are no success.
    assert record["metrics"]["edit_success"] == pytest.approx((share * 20 - own.sum()) / (~own).sum())
    assert record["labels"]["columns"]["new class"] == 7
    assert record["higher_is_better"] == ["edit_success", "edit_ssim", "edit_psnr"]
    assert any("edit.class_idx=7: the edited images are of one class" in warning for warning in record["warnings"])
    again = run_here(capsys, "edit", *options)
    assert again.out == done.out
    assert "done before" in again.err


def test_the_partner_can_be_dropped(tmp_path: Path) -> None:
    options = ("sampler=bdia", "sampler.num_steps=6", "edit.step=2")
    keep, drop = (prepared(tmp_path, *options, f"edit.partner={partner}") for partner in ("keep", "drop"))
    assert keep.identity != drop.identity
    kept, dropped = finish(keep, str), finish(drop, str)
    # Without it the first step must be made.
    assert kept["nfe"] < dropped["nfe"]
    assert kept["metrics"] != dropped["metrics"]


def test_unrelated_images_are_others_of_the_new_class() -> None:
    labels = np.array([0, 1, 0, 1, 2])
    found = unrelated(labels, np.array([1, 0, 1, 0, 3]))
    assert found == [1, 2, 3, 0, None]
    # The only one of its class has none beside itself.
    assert unrelated(labels, np.array([2, 2, 2, 2, 2])) == [4, 4, 4, 4, None]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["edit.class_idx=10"], "edit.class_idx=10: must be from 0 to 9, the network's classes"),
        (["edit.class_idx=-1"], "edit.class_idx=-1: must be next or a number from 0"),
        (["edit.class_idx=seven"], "edit.class_idx=seven: must be next or a number from 0"),
        (["edit.step=8"], "edit.step=8: must be below 8, the steps between the noise levels"),
        (["edit.partner=x"], "edit.partner=x: must be one of keep, drop"),
        (["edit.stp=2"], "edit.stp=2: unknown option"),
        (["sampler=edm"], "sampler=edm: has no inverse"),
        (["sampler=euler", "edit.partner=drop"], "edit.partner=drop: must be keep with sampler=euler"),
        (["sampler=euler", "sampler.denoise_to_zero=false"], "sampler.denoise_to_zero=False: must be True: both ways"),
    ],
)
def test_mistakes_are_one_line(options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "edit", "+model=digits", *options, f"results_dir={tmp_path}")
    assert done.status == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_without_a_detector_what_stayed_is_measured(tmp_path: Path) -> None:
    record = finish(prepared(tmp_path, "detector=none"), str)
    assert set(record["metrics"]) == {"edit_ssim", "edit_rms", "edit_psnr", "unrelated_ssim", "unrelated_rms"}


def test_compare_draws_the_trade(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = "grid=[{sampler: euler, num_steps: 6, edit.step: [0, 2]},{sampler: obelm, num_steps: 6}]"
    done = run_here(capsys, "compare", "task=edit", "+model=digits", "indices=0-9", grid, f"results_dir={tmp_path}")
    assert done.status == 0, done.err
    assert "| sampler | edit step | partner | steps | NFE | edit_success |" in done.out
    assert "edit of images" not in done.out
    assert {"comparison.md", "tradeoff.png", "side_by_side.png"} <= {path.name for path in tmp_path.iterdir()}
