"""Rows of images under several samplers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.report import pictures
from bdia_edm.report.pictures import write_in_columns, write_round_trips, write_side_by_side


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


def test_in_columns(tmp_path: Path) -> None:
    columns = [(f"way {k}\n$\\\\frac{{ _x", np.zeros((2, 8, 8, 3), np.uint8)) for k in range(4)]
    write_in_columns(tmp_path / "columns.png", columns, "title")
    picture = np.asarray(Image.open(tmp_path / "columns.png").convert("L"))
    # Four columns of two black pictures each, under their names.
    black = picture < 30
    assert int((np.diff((black.mean(axis=0) > 0.6).astype(int)) == 1).sum()) == 4
    assert int((np.diff((black.mean(axis=1) > 0.6).astype(int)) == 1).sum()) == 2


def rows_of(monkeypatch: pytest.MonkeyPatch, *arrays: np.ndarray) -> dict[str, np.ndarray]:
    """What ``write_round_trips`` has drawn, row by row."""
    drawn: dict[str, np.ndarray] = {}
    monkeypatch.setattr(pictures, "write_side_by_side", lambda path, rows, title: drawn.update(rows))
    write_round_trips(Path("none"), *arrays, "title")
    return drawn


def states(*values: float) -> np.ndarray:
    return np.array(values).reshape(-1, 1, 1, 1)


def test_round_trips_are_drawn_in_their_greys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grey is 0, a latent is white from 3 sigma_max on, and a difference of 1/50 is white."""
    original = states(-1, 0, 1, 0.5, 0.5)
    back = original + states(0, 1e-9, -1, 0.01, np.nan)
    latents = states(-3, 0, 300, 1.5, np.nan)
    rows = rows_of(monkeypatch, original, latents, back)
    assert [name.partition("\n")[0] for name in rows] == ["image", "latent", "reconstruction", "difference"]
    levels = {name.partition("\n")[0]: pixels.ravel().tolist() for name, pixels in rows.items()}
    assert levels == {
        "image": [0, 128, 255, 191, 191],
        "latent": [0, 128, 255, 191, 128],
        "reconstruction": [0, 128, 128, 193, 128],
        "difference": [128, 128, 0, 191, 128],
    }


def test_an_infinite_latent_is_white_or_black(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(monkeypatch, states(0, 0), states(np.inf, -np.inf), states(np.inf, -np.inf))
    assert rows["latent\n±3 σ_max"].ravel().tolist() == [255, 0]
    assert rows["difference\n×50"].ravel().tolist() == [255, 0]


def test_channels_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((2, 3, 4, 5))
    image[1, 2, 3, 0] = 1
    row = rows_of(monkeypatch, image, image, image)["image"]
    assert row.shape == (2, 4, 5, 3)
    assert row[1, 3, 0].tolist() == [128, 128, 255]
    assert (row == 255).sum() == 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_round_trips_are_a_picture_of_four_rows(channels: int, tmp_path: Path) -> None:
    image = np.random.default_rng(0).uniform(-1, 0.5, (6, channels, 8, 8))
    write_round_trips(tmp_path / "rows.png", image, image * 3, image - 0.001, "title")
    picture = np.asarray(Image.open(tmp_path / "rows.png").convert("L"))
    filled = (picture < 250).mean(axis=1) > 0.6
    assert int((np.diff(filled.astype(int)) == 1).sum()) == 4
    # No name is cut off at the edge.
    assert (picture[:, :3] == 255).all()
