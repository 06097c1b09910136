"""A picture of images' ways through the noise levels: a column is a level."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.whole_files import written_whole
from bdia_edm.images.grids import PNG_CHANNELS, make_grid
from bdia_edm.metrics.latents import grey_levels
from bdia_edm.report.escaping import plot_text

__all__ = ["MOST_COLUMNS", "shown_columns", "write_ways"]

States = NDArray[np.float64]
MOST_COLUMNS = 12
"""More are too narrow to be seen."""
_WIDTH = 12.0


def shown_columns(num_levels: int) -> list[int]:
    """Which of so many levels are shown: the first, the last, and others evenly between."""
    places = np.linspace(0, num_levels - 1, min(num_levels, MOST_COLUMNS)).round().astype(int)
    return [int(place) for place in places]


def write_ways(
    path: Path, levels: Sequence[float], states: States, denoised: States, names: Sequence[str], title: str
) -> None:
    """Two rows for each image, its states and what the network makes of them, under the noise levels.

    A state is drawn over sqrt(1 + sigma²): an image as it is where there is no noise, and noise of deviation 1 where
    there is nothing else. Grey is 0, and what is no number is grey as well. Of other numbers of channels than a PNG
    has, the first is shown. Of more than ``MOST_COLUMNS`` levels some are left out.

    Args:
        levels: of the L columns.
        states, denoised: (L, N, C, H, W).
        names: of the N images.
    """
    from matplotlib.figure import Figure

    columns = shown_columns(len(levels))
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = [states[place] / np.sqrt(1 + levels[place] ** 2) for place in columns]
    rows: list[tuple[str, NDArray[np.uint8]]] = []
    for image, name in enumerate(names):
        rows.append((f"{plot_text(name)}\nstate", _row([each[image] for each in scaled])))
        rows.append(("denoised", _row([denoised[place, image] for place in columns])))
    height, width = rows[0][1].shape[:2]
    row_height = max(_WIDTH * height / width, 0.4)
    figure = Figure(figsize=(_WIDTH + 1.5, (row_height + 0.06) * len(rows) + 0.9), layout="constrained")
    figure.suptitle(plot_text(title), fontsize=10)
    for place, (axes, (name, picture)) in enumerate(
        zip(np.atleast_1d(figure.subplots(len(rows), 1)), rows, strict=True)
    ):
        axes.imshow(picture[:, :, 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        if place == 0:
            axes.xaxis.tick_top()
            axes.xaxis.set_label_position("top")
            middles = (np.arange(len(columns)) + 0.5) * (width / len(columns)) - 0.5
            axes.set_xticks(middles, [f"{levels[column]:.3g}" for column in columns], fontsize=8)
            axes.set_xlabel("noise level σ", fontsize=9)
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=100, bbox_inches="tight")


def _row(images: Sequence[States]) -> NDArray[np.uint8]:
    """Images (C, H, W) beside each other, as pixels."""
    pixels = grey_levels(np.nan_to_num(np.stack(images), posinf=np.inf, neginf=-np.inf)).astype(np.uint8)
    pixels = pixels.transpose(0, 2, 3, 1)
    seen = pixels if pixels.shape[3] in PNG_CHANNELS else pixels[..., :1]
    return make_grid(seen, len(seen), max(seen.shape[2] // 16, 1))
