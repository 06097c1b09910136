"""Rows of images under several samplers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.report.pictures import write_side_by_side


def made(n: int, size: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_side_by_side(channels: int, tmp_path: Path) -> None:
    rows = [(f"sampler {k}\n$\\\\frac{{ _x", made(6, 8, channels)) for k in range(3)]
    write_side_by_side(tmp_path / "rows.png", rows, "title")
    picture = np.asarray(Image.open(tmp_path / "rows.png").convert("L"))
    assert picture.shape[0] > 100
    assert picture.shape[1] > 1000
    # Three rows of pictures, each a stretch of lines where most of the width is no background.
    filled = (picture < 250).mean(axis=1) > 0.6
    assert int((np.diff(filled.astype(int)) == 1).sum()) == 3
