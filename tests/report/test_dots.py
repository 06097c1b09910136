"""Runs as labelled dots: from the top, the baseline's line, and what is left out."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from bdia_edm.report.dots import draw_dots
from tests.report.test_bands import KNOWN, PLAIN

OTHER = replace(KNOWN, sampler="bdia", is_baseline=False, metrics={"fid": 1.0})


def test_names_bars_and_the_baselines_line() -> None:
    axes = Figure().add_subplot()
    draw_dots(axes, {"edm": PLAIN, "bdia $x": OTHER}, "fid", "FID", left_out=3)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["edm", r"bdia \$x"]
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    assert top < 0 < 1 < bottom
    label = axes.get_xlabel()
    assert label.startswith("FID\nbars: ±1.96 standard errors")
    assert label.endswith("3 more are in the table")
    assert any(list(line.get_xdata()) == [2.0, 2.0] for line in axes.lines)


def test_two_baselines_have_no_line_across() -> None:
    axes = Figure().add_subplot()
    draw_dots(axes, {"edm": PLAIN, "edm 9": replace(PLAIN, metrics={"fid": 3.0})}, "fid", "FID")
    assert not any(line.get_linestyle() == "--" for line in axes.lines)
    assert axes.get_xlabel() == "FID"
