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


@pytest.mark.parametrize("kinds", [("png", "npz"), ("npz", "png"), ("png", "npz", "png")])
def test_one_kind_lives_there(kinds: tuple[str, ...], tmp_path: Path) -> None:
    """A block that is written anew in another kind replaces what there was of it, and nothing else."""
    (tmp_path / "notes.txt").write_text("mine")
    other = (1001, 1002, 1003)
    for kind in kinds:
        ImageFolder(tmp_path, kind).write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
        ImageFolder(tmp_path, kind).write(INDEX + 1, other, PIXELS, np.array([4, 5, 6]))
    for kind in ("png", "npz"):
        assert ImageFolder(tmp_path, kind).holds(INDEX, SEEDS) == (kind == kinds[-1])
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {f".{kinds[-1]}", ".txt"}
    assert [path for path in tmp_path.rglob("*") if path.is_dir() and not any(path.iterdir())] == []
    # A block that is not made again stays.
    ImageFolder(tmp_path, kinds[-2]).write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
    assert ImageFolder(tmp_path, kinds[-1]).holds(INDEX + 1, other)


def test_killed_between_the_kinds_it_is_in_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the block is made again, and never left in two."""
    kinds = ("png", "npz")
    for before, after in (kinds, kinds[::-1]):
        ImageFolder(tmp_path / after, before).write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))

        def killed(path: Path, durable: bool = False) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("bdia_edm.images.image_folder.written_whole", killed)
            patched.setattr("bdia_edm.images.grids.written_whole", killed)
            with pytest.raises(KeyboardInterrupt):
                ImageFolder(tmp_path / after, after).write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
        assert not any(ImageFolder(tmp_path / after, kind).holds(INDEX, SEEDS) for kind in kinds)


def test_none_writes_nothing(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "images", "none")
    folder.write(INDEX, SEEDS, PIXELS, np.array([4, 5, 6]))
    assert folder.holds(INDEX, SEEDS)
    assert list(tmp_path.iterdir()) == []
