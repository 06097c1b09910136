"""The plot is there and shows something for every line."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from bdia_edm.report.plots import plot_metrics
from bdia_edm.report.rows import group_records
from tests.report.test_tables import BDIA, record


def colours(path: Path) -> int:
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    saturated = pixels[pixels.max(1).astype(int) - pixels.min(1) > 100]
    return len(np.unique(saturated // 64, axis=0))


def test_plot(tmp_path: Path) -> None:
    edm = [record("edm", n, 2 * n - 1, 10.0 / n**2) for n in (4, 6, 9)]
    bdia = [record("bdia", n, 2 * n - 1, 8.0 / n**2, BDIA) for n in (4, 6, 9)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_metrics(group_records(edm), tmp_path, "edm")
        plot_metrics(group_records(edm + bdia), tmp_path, "both")
        # Nothing measured, and a distance that rounding made negative.
        plot_metrics(group_records([record("edm", 6, 11, None)]), tmp_path, "none")
        plot_metrics(group_records([record("edm", 6, 11, -1e-12)]), tmp_path, "zero")
        two = [record("edm", 6, 11, None, metrics={"fid": 2.0, "recall": 0.5})]
        plot_metrics(group_records(two), tmp_path, "two")
    assert colours(tmp_path / "edm.png") == 0
    # A panel for each metric.
    assert Image.open(tmp_path / "two.png").height == 2 * Image.open(tmp_path / "edm.png").height
    assert colours(tmp_path / "both.png") > 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".pdf"] * 5 + [".png"] * 5 + [".svg"] * 5
