"""The plot is there and shows something for every line."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from bdia_edm.report.plots import plot_distances
from bdia_edm.report.tables import group_records
from tests.report.test_tables import BDIA, CHURN, record


def colours(path: Path) -> int:
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    saturated = pixels[pixels.max(1).astype(int) - pixels.min(1) > 100]
    return len(np.unique(saturated // 64, axis=0))


def test_plot(tmp_path: Path) -> None:
    edm = [record("edm", n, 2 * n - 1, 10.0 / n**2, **CHURN) for n in (4, 6, 9)]
    bdia = [record("bdia", n, 2 * n - 1, 8.0 / n**2, **BDIA) for n in (4, 6, 9)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_distances(group_records(edm), tmp_path / "edm.png")
        plot_distances(group_records(edm + bdia), tmp_path / "both.png")
        # Nothing measured, and a distance that rounding made negative.
        plot_distances(group_records([record("edm", 6, 11, None, **CHURN)]), tmp_path / "none.png")
        plot_distances(group_records([record("edm", 6, 11, -1e-12, **CHURN)]), tmp_path / "zero.png")
    assert colours(tmp_path / "edm.png") == 0
    assert colours(tmp_path / "both.png") > 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png"] * 4
