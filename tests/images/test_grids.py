"""PNGs and grids, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.images.grids import make_grid, save_png, write_grid


def made(n: int, size: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, channels), dtype=np.uint8)


@pytest.mark.parametrize("gap", [0, 1, 3])
def test_grid_puts_images_in_reading_order(gap: int) -> None:
    images = made(5, 4, 3)
    grid = make_grid(images, 3, gap)
    step = 4 + gap
    assert grid.shape == (2 * step - gap, 3 * step - gap, 3)
    between = np.ones(grid.shape, bool)
    for k, image in enumerate(images):
        row, column = divmod(k, 3)
        place = np.s_[step * row : step * row + 4, step * column : step * column + 4]
        assert np.array_equal(grid[place], image)
        between[place] = False
    assert (grid[between] == 255).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_pngs_hold_the_pixels(channels: int, tmp_path: Path) -> None:
    image = made(1, 6, channels)[0]
    save_png(tmp_path / "a.png", image)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")).reshape(image.shape), image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_of_other_channels_a_png_holds_none_and_the_grid_shows_the_first(channels: int, tmp_path: Path) -> None:
    images = made(2, 32, channels)
    with pytest.raises(ValueError, match=f"has 1 or 3 channels, not {channels}"):
        save_png(tmp_path / "a.png", images[0])
    assert list(tmp_path.iterdir()) == []
    write_grid(tmp_path / "grid.png", images)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "grid.png"))[:, :32], images[0, :, :, 0])


def test_small_images_are_enlarged(tmp_path: Path) -> None:
    images = made(2, 8, 1)
    write_grid(tmp_path / "grid.png", images)
    picture = np.asarray(Image.open(tmp_path / "grid.png"))
    # Two pixels between neighbours, which the images' own size does not change.
    assert picture.shape == (32, 8 * 34 - 2)
    for k, left in enumerate((0, 34)):
        assert np.array_equal(picture[::4, left : left + 32 : 4], images[k, :, :, 0])
    assert (picture[:, 32:34] == 255).all()
    write_grid(tmp_path / "large.png", made(9, 64, 3))
    assert Image.open(tmp_path / "large.png").size == (8 * 66 - 2, 2 * 66 - 2)
