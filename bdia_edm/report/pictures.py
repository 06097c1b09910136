"""Pictures of sampled images: a grid of one run's, and the same seeds under several samplers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bdia_edm.base.whole_files import written_whole

__all__ = ["make_grid", "save_png", "write_grid", "write_side_by_side"]

Pixels = NDArray[np.uint8]
_CELL = 32


def make_grid(images: Pixels, columns: int) -> Pixels:
    """Images (n, H, W, C) as one picture (rows·H, columns·W, C); missing ones are black."""
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    cells = np.zeros((rows * columns, height, width, channels), np.uint8)
    cells[:n] = images
    rows_first = cells.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return rows_first.reshape(rows * height, columns * width, channels)


def save_png(path: Path, picture: Pixels) -> None:
    """A picture (H, W, 1 or 3) as a PNG, whole or not at all; other numbers of channels show the first."""
    pixels = picture if picture.shape[2] == 3 else picture[:, :, 0]
    with written_whole(path) as partial:
        Image.fromarray(pixels).save(partial, format="png")


def write_grid(path: Path, images: Pixels, columns: int = 8) -> None:
    """The images (n, H, W, C) in a grid; small ones are enlarged, every pixel to a square."""
    scale = max(_CELL // images.shape[1], 1)
    save_png(path, make_grid(images, columns).repeat(scale, axis=0).repeat(scale, axis=1))


def write_side_by_side(path: Path, rows: Sequence[tuple[str, Pixels]], title: str) -> None:
    """One row of images (n, H, W, C) a sampler, its name at the left: a column is one seed."""
    from matplotlib.figure import Figure

    # A dark line keeps neighbours apart.
    framed = [(name, np.pad(images, ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=60)) for name, images in rows]
    shown = [(name, make_grid(images, len(images))) for name, images in framed]
    height, width = shown[0][1].shape[:2]
    row_height = 11 * height / width
    figure = Figure(figsize=(13.5, (row_height + 0.08) * len(shown) + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for axes, (name, picture) in zip(np.atleast_1d(figure.subplots(len(shown), 1)), shown, strict=True):
        axes.imshow(picture[:, :, 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=100)
