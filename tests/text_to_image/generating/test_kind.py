"""Runs of many prompts on the engine: the same pictures for any blocks, workers and interruptions; figures, tables."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.records.record import Record
from bdia_edm.report.rows import group_records
from bdia_edm.run.finish import finish
from bdia_edm.run.measurement import Measuring, make_reference
from bdia_edm.text_to_image.generating import block_generator
from bdia_edm.text_to_image.generating.run import GenerationRun
from tests.text_to_image.generating.given import run_of
from tests.text_to_image.tiny_clip import save_tiny_clip


def finished(folder: Path, **changes: Any) -> tuple[GenerationRun, Record]:
    run = run_of(folder, **changes)
    return run, finish(run, lambda line: None)


def pictures(run: GenerationRun) -> list[np.ndarray]:
    """In the seeds' order."""
    return [np.asarray(Image.open(run.folder / "images" / "000000" / f"{seed:06d}.png")) for seed in run.seeds]


def test_a_seeds_picture_is_its_own_for_any_block_worker_and_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, record = finished(tmp_path, seeds="0-4")
    wanted = pictures(run)
    assert len({picture.tobytes() for picture in wanted}) == 5
    assert (record["num_images"], record["nfe"], record["metrics"]) == (5, 4, {})
    assert record["conditions"] == {"guidance": 7.5, "size": "16x16", "network": "float32"}

    others = finished(tmp_path, seeds="3,1", block_size=1)[0]
    assert all(np.array_equal(*each) for each in zip(pictures(others), [wanted[3], wanted[1]], strict=True))

    two = finished(tmp_path / "two", seeds="0-4", block_size=2, workers=2, prompts=run.config.prompts)[0]
    assert all(np.array_equal(*each) for each in zip(pictures(two), wanted, strict=True))

    # Killed in its second block, and begun again.
    cut = run_of(tmp_path, seeds="0-4", block_size=2)
    made, counted = block_generator.BlockGenerator._made, []

    def dying(self: Any, seed: int, prompt: str) -> Any:
        counted.append(seed)
        if len(counted) == 4:
            raise KeyboardInterrupt
        return made(self, seed, prompt)

    monkeypatch.setattr(block_generator.BlockGenerator, "_made", dying)
    with pytest.raises(KeyboardInterrupt):
        finish(cut, lambda line: None)
    again = finish(cut, lambda line: None)
    assert counted == [0, 1, 2, 3, 2, 3, 4]
    assert again["images_found"] == 2
    assert all(np.array_equal(*each) for each in zip(pictures(cut), wanted, strict=True))
    # What is there is not made again.
    assert finish(run_of(tmp_path, seeds="0-4", block_size=2), lambda line: None) == again
    assert len(counted) == 7


def test_figures_have_paired_intervals_and_the_table_verdicts(tmp_path: Path) -> None:
    small = {"height": 8, "width": 8, "guidance_scale": 1}
    other = finished(tmp_path, sampler="edict", seeds="100-139", num_inference_steps=1, **small)[0]
    reference = tmp_path / "reference.npz"
    said = Measuring(detector="pixels", progress=False, say=lambda line: None)
    make_reference(other.folder / "images", reference, said)
    save_tiny_clip(tmp_path / "clip")
    shared = {
        **small,
        "seeds": "0-39",
        "detector": {"name": "pixels"},
        "reference": str(reference),
        "clip": str(tmp_path / "clip"),
    }
    runs, records = zip(*(finished(tmp_path, sampler=name, **shared) for name in ("ddim", "bdia")), strict=True)
    bdia = records[1]
    assert set(bdia["metrics"]) == {"fd_pixels", "clip_score"}
    assert set(bdia["uncertainty"]) == {"fd_pixels", "clip_score"}
    assert bdia["higher_is_better"] == ["clip_score"]
    assert set(bdia["checksums"]) == {"model", "prompts", "detector", "reference", "clip"}
    (group,) = group_records(records, [run.folder for run in runs])
    assert group.baseline == "DDIM"
    assert "seeds 0-39, guidance 1, size 8x8, network float32" in group.title
    row = next(row for row in group.rows if row.sampler == "bdia")
    assert set(row.comparisons) == {"fd_pixels", "clip_score"}
    assert row.comparisons["fd_pixels"].verdict in ("better", "worse", "not distinguishable")
    # Features and scores are picture by picture: the figures do not depend on the blocks.
    few = [finished(tmp_path, block_size=size, **{**shared, "seeds": "0-4"})[1] for size in (2, 50)]
    assert few[0]["metrics"] == few[1]["metrics"]
    assert few[0]["uncertainty"]["clip_score"] == few[1]["uncertainty"]["clip_score"]


def test_other_guidance_is_another_table(tmp_path: Path) -> None:
    records = [finished(tmp_path, guidance_scale=g, save_images="none", seeds="0")[1] for g in (1, 2)]
    assert len(group_records(records)) == 2


def test_what_is_kept(tmp_path: Path) -> None:
    run, record = finished(tmp_path, save_images="npz", keep_features=True, seeds="1,5")
    with np.load(run.folder / "images" / "00000.npz") as file:
        assert file["arr_0"].shape == (2, 16, 16, 3)
        assert file["labels"].tolist() == [1, 2]
    with np.load(run.folder / "preview.npz") as file:
        assert file["seeds"].tolist() == [1, 5]
    assert Image.open(io.BytesIO((run.folder / "grid.png").read_bytes())).size[0] > 16
    assert (run.folder / "shards").is_dir()
    assert record["prompts"] == run.config.prompts


def test_a_picture_that_is_not_finite_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path, sampler="euler", seeds="0-1", network_dtype="float64")
    weights = run.pipe.unet.conv_out.weight
    before = weights.clone()
    weights.fill_(float("nan"))
    try:
        with pytest.raises(UserError, match=r"^seeds 0: the way ended in NaN or infinity"):
            finish(run, lambda line: None)
    finally:
        weights.copy_(before)


def test_a_grid_of_large_pictures_is_small() -> None:
    found = [block_generator.num_shown(size, size) for size in (16, 256, 512, 1024, 4096)]
    assert found == [64, 64, 16, 4, 4]
