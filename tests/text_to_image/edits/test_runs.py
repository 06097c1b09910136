"""Runs that edit pictures: what is measured, what lies in the folder, and that a run goes on where it was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.engine.shards import read_shard
from bdia_edm.records.record import Record, read_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.run.finish import finish
from bdia_edm.text_to_image.editing import edit
from bdia_edm.text_to_image.edits.run import EditPicturesRun
from bdia_edm.text_to_image.edits.shard import PictureShard
from bdia_edm.text_to_image.inverted import Inverted
from tests.text_to_image.edits.pictures import prepared, write_benchmark, write_picture
from tests.text_to_image.pipelines import PIPELINE
from tests.text_to_image.tiny_clip import save_tiny_clip
from tests.text_to_image.xl import xl_pipeline


def same(record: Record) -> dict[str, Any]:
    """What two runs of the same must have in common."""
    costs = {name: value for name, value in record["costs"].items() if "seconds" not in name and "peak" not in name}
    return {"metrics": record["metrics"], "nfe": record["nfe"], "checksums": record["checksums"], "costs": costs}


def shard(run: EditPicturesRun, index: int) -> PictureShard:
    block = run.blocks[index]
    return read_shard(RunFolder(run.folder).shard(index), run.identity, block.num, PictureShard)


def test_the_record_and_what_lies_beside_it(tmp_path: Path) -> None:
    run = prepared(tmp_path, arithmetic="grid", gamma=1.0)
    record = finish(run, str)
    files = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert files >= {"record.json", "edits.png", "preview.npz", "shards/00000.npz", "shards/00001.npz"}
    assert files >= {"images/000000/000000.png", "images/000000/000001.png"}
    # Bit for bit: nothing of the picture is lost but by the autoencoder.
    figures = record["metrics"]
    assert figures["roundtrip_latent_rms"] == 0
    assert figures["roundtrip_vae_psnr"] == np.inf
    assert figures["roundtrip_psnr"] == figures["vae_psnr"]
    assert (record["nfe_inverse"], record["nfe"], record["costs"]["nfe_roundtrip"]) == (8, 14, 6)
    assert record["costs"]["gradients"] == 0
    assert record["labels"]["sampler"] == "bdia arithmetic=grid"
    assert record["labels"]["columns"] == {"gamma": 1.0, "guidance": 3.0, "strength": 1.0}
    assert record["precision"]["activations"] == "float32"
    assert record["precision"]["state"] == "float64"
    assert {"diffusers", "transformers", "torch"} <= set(record["versions"])
    assert set(record["checksums"]) == {"pipeline", "images"}
    assert finish(prepared(tmp_path, arithmetic="grid", gamma=1.0), str) == read_record(run.folder)


def test_a_picture_s_figures_are_in_the_shards(tmp_path: Path) -> None:
    run = prepared(tmp_path, method="ddim", block_size=2)
    record = finish(run, str)
    found = shard(run, 0)
    picture, alone, back, edited = found.preview[1].astype(float)
    saved = np.asarray(Image.open(run.folder / "images" / "000000" / "000001.png"))
    assert (saved == edited).all()
    assert found.roundtrip_squares[1] == pytest.approx(((back - picture) ** 2).mean())
    assert found.roundtrip_vae_most[1] == np.abs(back - alone).max()
    assert found.vae_squares[1] == pytest.approx(((alone - picture) ** 2).mean())
    mean = found.roundtrip_vae_squares.mean()
    assert record["metrics"]["roundtrip_vae_psnr"] == pytest.approx(10 * np.log10(255**2 / mean))
    assert record["metrics"]["roundtrip_latent_rms"] == pytest.approx(np.sqrt(found.latent_squares.mean()))
    assert record["metrics"]["roundtrip_latent_rms"] > 0.1
    assert record["metrics"]["latent_deviation"] == pytest.approx(found.deviations.mean())
    assert found.outside_mse[1] == pytest.approx(((edited - picture) ** 2).mean() / 255**2)


def test_without_an_edit_it_is_a_round_trip(tmp_path: Path) -> None:
    run = prepared(tmp_path, edit=None)
    record = finish(run, str)
    assert record["nfe"] == 14
    assert not any(name.startswith("outside") for name in record["metrics"])
    saved = np.asarray(Image.open(run.folder / "images" / "000000" / "000000.png"))
    assert (saved == shard(run, 0).preview[0, 2]).all()
    assert "round trip by bdia" in run.title


def test_null_text_counts_its_gradients(tmp_path: Path) -> None:
    run = prepared(tmp_path, method="null_text", num_inference_steps=2, inner_steps=2, early_stop=0.0, indices="0")
    record = finish(run, str)
    # The pivot's 2, and of every step c, two of u with a gradient each, and the guided step.
    assert record["nfe_inverse"] == 2 + 2 * (1 + 2 + 2)
    assert record["costs"]["gradients"] == 4
    assert record["nfe"] == record["nfe_inverse"] + 4


def test_a_stopped_run_goes_on_to_the_same_record(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    whole = finish(run, str)
    before = {path.name: path.stat().st_mtime_ns for path in RunFolder(run.folder).shards.iterdir()}
    RunFolder(run.folder).record.unlink()
    # Of one block the shard is gone; of another one its picture.
    RunFolder(run.folder).shard(0).unlink()
    again = finish(prepared(tmp_path), str)
    assert again["images_found"] == 1
    assert same(again) == same(whole)
    after = {path.name: path.stat().st_mtime_ns for path in RunFolder(run.folder).shards.iterdir()}
    assert after["00001.npz"] == before["00001.npz"]
    assert after["00000.npz"] != before["00000.npz"]
    (run.folder / "images" / "000000" / "000001.png").unlink()
    lines: list[str] = []
    assert same(finish(prepared(tmp_path), lines.append)) == same(whole)
    assert not any("done before" in line for line in lines)
    assert (run.folder / "images" / "000000" / "000001.png").is_file()


def test_two_workers_find_the_same(tmp_path: Path) -> None:
    alone = finish(prepared(tmp_path), str)
    together = finish(prepared(tmp_path, workers=2, results_dir=str(tmp_path / "others")), str)
    assert together["workers"] == 2
    assert same(together) == same(alone)


def test_a_kept_pair_serves_other_edits(tmp_path: Path) -> None:
    run = prepared(tmp_path, keep_inverted=True, indices="1")
    finish(run, str)
    kept = run.folder / "inverted" / "000001.safetensors"
    found = edit(run.pipe, Inverted.load(kept), "a blue dog").picture
    assert (found == np.asarray(Image.open(run.folder / "images" / "000000" / "000001.png"))).all()
    # Without the pair the run is not whole.
    kept.unlink()
    finish(prepared(tmp_path, keep_inverted=True, indices="1"), str)
    assert kept.is_file()


def test_a_benchmark_and_what_measures(tmp_path: Path) -> None:
    save_tiny_clip(tmp_path / "clip")
    clip = str(tmp_path / "clip")
    options = {"image": str(write_benchmark(tmp_path / "bench")), "prompt": None, "edit": None, "clip": clip}
    run = prepared(tmp_path, **options)
    record = finish(run, str)
    assert set(record["checksums"]) == {"pipeline", "images", "clip"}
    figures, (first, second) = record["metrics"], (shard(run, 0), shard(run, 1))
    for name in ("outside_psnr", "outside_ssim", "outside_mse", "clip_source", "clip_edit"):
        assert figures[name] == pytest.approx((getattr(first, name)[0] + getattr(second, name)[0]) / 2)
    picture, _, _, edited = first.preview[0].astype(float)
    right = ((edited - picture)[:, 8:] ** 2).mean() / 255**2
    assert first.outside_mse[0] == pytest.approx(right)
    assert "clip_edit" in record["higher_is_better"]
    assert prepared(tmp_path, **(options | {"clip": None})).identity != run.identity


def test_pictures_of_another_size_are_said(tmp_path: Path) -> None:
    wide = str(write_picture(tmp_path / "wide.png", 0, width=24))
    assert any("image: 24 x 16 pixels" in note for note in prepared(tmp_path, image=wide).notes)
    assert prepared(tmp_path, image=wide, resize=True).notes == ()
    steep = prepared(tmp_path, gamma=0.8)
    assert any(note.startswith("warning: gamma=0.8: the inverse divides by it") for note in steep.notes)


def test_sdxl_with_half_a_network_comes_back_bit_for_bit(tmp_path: Path) -> None:
    xl_pipeline().save_pretrained(tmp_path / "xl")
    options = {"pipeline": str(tmp_path / "xl"), "gamma": 1.0, "arithmetic": "grid", "network_dtype": "bfloat16"}
    record = finish(prepared(tmp_path, **options), str)
    assert record["metrics"]["roundtrip_latent_rms"] == 0
    assert record["precision"]["activations"] == "bfloat16"
    assert record["labels"]["sampler"] == "bdia arithmetic=grid network_dtype=bfloat16"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pipeline": "/no/such"}, "pipeline=/no/such: no such folder"),
        ({"gamma": 0.5, "num_inference_steps": 50}, "gamma=0.5: 50 steps of the inverse let the rounding of float64"),
        ({"num_inference_steps": 1}, "strength: it leaves 1 step; must leave 2 at least"),
        ({"method": "null_text", "guidance_scale": 1.0}, "guidance_scale=1.0: must be other than 1"),
        ({"prompt": "cat " * 100}, "tokens with the two that end it; must be 77 at most"),
        ({"edit": "cat " * 100}, "edit=cat "),
        ({"indices": "2"}, "indices=2: must be below 2, the number of pictures"),
        ({"clip": "/no/such"}, "clip=/no/such: no such folder"),
        ({"structure": "/no/such"}, "structure=/no/such: no such folder"),
        ({"state_dtype": "float32", "gamma": 1.0, "arithmetic": "grid"}, "state_dtype=torch.float32: must be torch.fl"),
    ],
)
def test_what_is_wrong_is_one_line_before_the_first_picture(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        prepared(tmp_path, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"clip_sample": True, "_class_name": "DDIMScheduler"}, ""),
        ({"prediction_type": "flow_prediction"}, "is of a flow-matching model"),
        ({"_class_name": "EDMEulerScheduler", "sigma_data": 0.5}, "is of an EDM model"),
        ({"thresholding": True}, "pipeline: thresholding=True: must be False"),
    ],
)
def test_pipelines_that_have_no_inverse(config: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PIPELINE, tmp_path / "pipeline"))
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    if kind := config.get("_class_name"):
        index = folder / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {"scheduler": ["diffusers", kind]}))
    if not words:
        # A pipeline of Stable Diffusion's mends it as it is made.
        assert not prepared(tmp_path, pipeline=str(folder)).pipe.scheduler.config.clip_sample
        return
    with pytest.raises(UserError) as caught:
        prepared(tmp_path, pipeline=str(folder))
    assert words in str(caught.value)


def test_an_autoencoder_that_overflows_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflowing(vae: Any, pixels: Any, device: Any, dtype: torch.dtype) -> torch.Tensor:
        raise UserError("pipeline: its float16 autoencoder encodes to NaN or infinity")

    monkeypatch.setattr("bdia_edm.text_to_image.edits.run.encode", overflowing)
    with pytest.raises(UserError, match="its float16 autoencoder encodes to NaN"):
        prepared(tmp_path, network_dtype="float16")
    assert prepared(tmp_path).notes == ()
