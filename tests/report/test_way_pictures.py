"""The picture of images' ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.report.way_pictures import shown_columns, write_ways


@pytest.mark.parametrize("number", [1, 2, 12, 13, 19, 257])
def test_shown_levels_are_few_and_even_with_both_ends(number: int) -> None:
    shown = shown_columns(number)
    assert len(shown) == min(number, 12)
    assert (shown[0], shown[-1]) == (0, number - 1)
    gaps = np.diff(shown)
    assert len(gaps) == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


def row_of(picture: np.ndarray, row: int, rows: int) -> np.ndarray:
    """The inner part of a row's band of the picture."""
    band = picture[len(picture) * row // rows : len(picture) * (row + 1) // rows]
    return band[len(band) // 3 : 2 * len(band) // 3]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_states_are_scaled_by_their_level(channels: int, tmp_path: Path) -> None:
    """A state as strong as its level is as bright as an image of 1; nothing is grey, and so is what is no number."""
    levels = [80.0, 1.0, 0.0]
    states = np.empty((3, 1, channels, 8, 8))
    for place, level in enumerate(levels):
        states[place] = (1 + level**2) ** 0.5 * 0.5
    states[1, 0, 0, 0, 0] = np.nan
    write_ways(tmp_path / "a.png", levels, states, -states * 0, ["seed 0"], "x")
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    assert picture.shape[1] > 1000
    values, counts = np.unique(picture, return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    # 0.5 is 191, and 0 is 128; each fills a row of three images.
    bright, grey = (sum(found.get(value + near, 0) for near in (-1, 0, 1)) for value in (191, 128))
    assert bright > 100_000
    assert grey > bright  # the pixel that is no number too
    assert grey - bright < 0.05 * bright


def test_it_has_two_rows_an_image(tmp_path: Path) -> None:
    heights = []
    for number in (1, 3):
        states = np.zeros((5, number, 1, 8, 8))
        write_ways(tmp_path / "a.png", [4.0, 3.0, 2.0, 1.0, 0.0], states, states, ["$x$"] * number, "_x $y$")
        heights.append(Image.open(tmp_path / "a.png").height)
    assert heights[1] > 2.2 * heights[0]
