"""Images as PNGs, single and in a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bdia_edm.base.whole_files import written_whole

__all__ = ["PNG_CHANNELS", "make_grid", "save_png", "write_grid"]

PNG_CHANNELS = (1, 3)
"""What a PNG here holds: grey, or red, green and blue."""

Pixels = NDArray[np.uint8]
_CELL = 32
_GAP = 2


def make_grid(images: Pixels, columns: int, gap: int = 0) -> Pixels:
    """Images (n, H, W, C) as one picture (rows·(H+gap)-gap, columns·(W+gap)-gap, C), white around them."""
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + gap, width + gap, channels), 255, np.uint8)
    cells[:n, :height, :width] = images
    rows_first = cells.reshape(rows, columns, *cells.shape[1:]).transpose(0, 2, 1, 3, 4)
    picture = rows_first.reshape(rows * cells.shape[1], columns * cells.shape[2], channels)
    return picture[: picture.shape[0] - gap, : picture.shape[1] - gap]


def save_png(path: Path, picture: Pixels) -> None:
    """A picture (H, W, C) of 1 or 3 channels as a PNG, whole or not at all.

    Raises:
        ValueError: of another number of channels, of which a PNG would show a part.
    """
    if picture.shape[2] not in PNG_CHANNELS:
        raise ValueError(f"a PNG has 1 or 3 channels, not {picture.shape[2]}")
    pixels = picture if picture.shape[2] == 3 else picture[:, :, 0]
    with written_whole(path) as partial:
        Image.fromarray(pixels).save(partial, format="png")


def write_grid(path: Path, images: Pixels, columns: int = 8) -> None:
    """The images (n, H, W, C) in a grid; small ones are enlarged, every pixel to a square.

    Of other numbers of channels than a PNG has, the first is shown.
    """
    if images.shape[3] not in PNG_CHANNELS:
        images = images[..., :1]
    scale = max(_CELL // images.shape[1], 1)
    save_png(path, make_grid(images.repeat(scale, axis=1).repeat(scale, axis=2), columns, _GAP))
