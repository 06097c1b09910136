"""Pictures of images in rows: the same seeds under several samplers, and images with what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.whole_files import written_whole
from bdia_edm.images.grids import PNG_CHANNELS, make_grid
from bdia_edm.metrics.latents import grey_levels
from bdia_edm.report.escaping import plot_text

__all__ = ["write_in_columns", "write_round_trips", "write_side_by_side"]

Pixels = NDArray[np.uint8]
States = NDArray[np.float64]
_LATENT_RANGE = 3.0
_MAGNIFIED = 50
_LINE = 0.16
"""Inches that a line of a name takes."""
_COLUMN, _DPI = 2.0, 100
"""Inches of a column of pictures, and pixels of an inch."""


def write_side_by_side(path: Path, rows: Sequence[tuple[str, Pixels]], title: str) -> None:
    """One row of images (n, H, W, C) a sampler, its name in lines at the left: a column is one seed.

    Of other numbers of channels than a PNG has, the first is shown.
    """
    from matplotlib.figure import Figure

    shown: list[tuple[str, Pixels]] = []
    for name, images in rows:
        seen = images if images.shape[3] in PNG_CHANNELS else images[..., :1]
        gap = max(images.shape[2] // 16, 1)
        shown.append(("\n".join(map(plot_text, name.split("\n"))), make_grid(seen, len(seen), gap)))
    height, width = shown[0][1].shape[:2]
    lines = max(name.count("\n") + 1 for name, _ in shown)
    row_height = max(11 * height / width, _LINE * lines)
    figure = Figure(figsize=(13.5, (row_height + 0.08) * len(shown) + 0.6), layout="constrained")
    figure.suptitle(plot_text(title), fontsize=10)
    for axes, (name, picture) in zip(np.atleast_1d(figure.subplots(len(shown), 1)), shown, strict=True):
        axes.imshow(picture[:, :, 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    with written_whole(path) as partial:
        # Tight: rows that are shrunk to keep pixels square would else leave names beyond the edge.
        figure.savefig(partial, format="png", dpi=100, bbox_inches="tight")


def write_in_columns(path: Path, columns: Sequence[tuple[str, Pixels]], title: str) -> None:
    """A column for each of what became of some pictures (n, H, W, 3), its name above it: a row is one picture."""
    from matplotlib.figure import Figure

    _, height, width, _ = columns[0][1].shape
    gap = max(width // 32, 1)
    cells = np.stack([images for _, images in columns], axis=1).reshape(-1, height, width, 3)
    picture = make_grid(cells, len(columns), gap)
    across = _COLUMN * len(columns)
    figure = Figure(figsize=(across, across * picture.shape[0] / picture.shape[1] + 0.9), layout="constrained")
    figure.suptitle(plot_text(title), fontsize=9)
    axes = figure.subplots()
    # Of small pictures every pixel is a square; large ones are made smaller.
    axes.imshow(picture, interpolation="nearest" if width < _COLUMN * _DPI else "antialiased")
    axes.xaxis.tick_top()
    middles = [(width + gap) * place + width / 2 - 0.5 for place in range(len(columns))]
    axes.set_xticks(middles, ["\n".join(map(plot_text, name.split("\n"))) for name, _ in columns], fontsize=8)
    axes.tick_params(length=0)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=_DPI, bbox_inches="tight")


def write_round_trips(path: Path, originals: States, latents: States, reconstructions: States, title: str) -> None:
    """Rows of images, their latents, the images made again, and the difference times 50: a column is one image.

    Grey is 0 in the rows of latents and of differences; a latent of -3 is black and one of 3 white. What is no number
    is grey as well.

    Args:
        originals, reconstructions: (n, C, H, W), about in [-1, 1].
        latents: (n, C, H, W), over sigma_max, so that noise has a deviation of 1.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        differences = _MAGNIFIED * (reconstructions - originals)
    rows = [
        ("image", originals),
        (f"latent\n±{_LATENT_RANGE:g} σ_max", latents / _LATENT_RANGE),
        ("reconstruction", reconstructions),
        (f"difference\n×{_MAGNIFIED}", differences),
    ]
    write_side_by_side(path, [(name, _pixels(states)) for name, states in rows], title)


def _pixels(states: States) -> Pixels:
    """States (n, C, H, W) to pixels (n, H, W, C)."""
    return grey_levels(np.nan_to_num(states, posinf=np.inf, neginf=-np.inf)).astype(np.uint8).transpose(0, 2, 3, 1)
