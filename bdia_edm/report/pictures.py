"""Pictures of sampled images: the same seeds under several samplers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.whole_files import written_whole
from bdia_edm.images.grids import make_grid

__all__ = ["write_side_by_side"]

Pixels = NDArray[np.uint8]


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
