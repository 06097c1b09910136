"""Sampled images on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.images.image_folder import ImageFolder

INDEX, SEEDS = 3, (998, 999, 1000)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["npz", "png"])
def test_what_is_written_is_held(kind: str, tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "images", kind)
    assert not folder.holds(INDEX, SEEDS)
    folder.write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
    assert folder.holds(INDEX, SEEDS)
    assert list(tmp_path.rglob("*.partial")) == []


def test_npz_is_a_block(tmp_path: Path) -> None:
    ImageFolder(tmp_path, "npz").write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
    with np.load(tmp_path / "00003.npz") as file:
        assert np.array_equal(file["arr_0"], PIXELS)
        assert file["labels"].tolist() == [4, 5, 6]
        assert file["seeds"].tolist() == [998, 999, 1000]


def test_png_is_an_image_and_a_missing_one_is_noticed(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, "png")
    folder.write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
    names = ["000000/000998.png", "000000/000999.png", "001000/001000.png"]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")) == names
    for name, image in zip(names, PIXELS, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / name)), image)
    (tmp_path / names[1]).unlink()
    assert not folder.holds(INDEX, SEEDS)


def test_none_writes_nothing(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "images", "none")
    folder.write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
    assert folder.holds(INDEX, SEEDS)
    assert list(tmp_path.iterdir()) == []
