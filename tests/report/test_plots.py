"""The plot is there and shows something for every line."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from bdia_edm.report import plots
from bdia_edm.report.column_plots import plot_columns
from bdia_edm.report.heat_maps import plot_heat_maps
from bdia_edm.report.plots import plot_metrics
from bdia_edm.report.rows import Chosen, group_records
from tests.report.test_tables import BDIA, blocks, record


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


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The pages, as they are drawn; what is written is nothing."""
    pages: list[Figure] = []
    draw = plots._draw

    def keep(*given: Any) -> Figure:
        pages.append(draw(*given))
        return Figure(figsize=(1, 1))

    monkeypatch.setattr(plots, "_draw", keep)
    return pages


def test_axes_have_the_names_of_papers(drawn: list[Figure], tmp_path: Path) -> None:
    figures = {"fid": 2.0, "fd_dinov2_vitl14": 90.0, "my_own": 1.0}
    plot_metrics(group_records([record("edm", 6, 11, None, metrics=figures)]), tmp_path, "x")
    (page,) = drawn
    assert [axes.get_ylabel() for axes in page.axes] == ["FID", "FD-DINOv2", "my_own"]
    assert all(axes.get_xlabel().startswith("NFE") for axes in page.axes)
    assert page.axes[0].get_title() == "digits: 3,000 images (seeds 0-2999), FID"


def grouped(number: int, rows: int = 2) -> list[Any]:
    return group_records([record("edm", 6, 11 + row, 1.0, seeds=f"{k}") for k in range(number) for row in range(rows)])


@pytest.mark.parametrize(
    ("groups", "panels"), [(1, [1]), (4, [4]), (5, [4, 1]), (8, [4] * 2), (9, [4] * 2), (500, [4] * 2)]
)
def test_pages(groups: int, panels: list[int], drawn: list[Figure], tmp_path: Path) -> None:
    names = plot_metrics(grouped(groups), tmp_path, "x")
    assert [len(page.axes) for page in drawn] == panels
    pages = ["x", "x-2"][: len(panels)]
    assert names == [f"{page}{suffix}" for page in pages for suffix in (".png", ".svg")] + ["x.pdf"]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    # What is not drawn is said.
    said = [text.get_text() for text in drawn[-1].texts]
    assert said == ([f"{groups - 8} more panels are not drawn"] if groups > 8 else [])
    # One point alone is no plot, where there are others; pages of before go.
    drawn.clear()
    plot_metrics(
        group_records([record("edm", 6, 11, 1.0, seeds=f"{k}") for k in range(500)]) + grouped(2), tmp_path, "x"
    )
    assert [len(page.axes) for page in drawn] == [2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.pdf", "x.png", "x.svg"]


def test_a_group_of_hundreds_of_lines_can_be_read(drawn: list[Figure], tmp_path: Path) -> None:
    records = [record(f"edm x={k:03}", 6, nfe, k + 1.0) for k in range(500) for nfe in (k + 1, k + 9)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_metrics(group_records(records), tmp_path, "x")
    (axes,) = drawn[0].axes
    # Beyond the legend's one line holds all, with gaps between.
    unnamed, *named = axes.lines
    assert len(named) == 24
    assert all(len(line.get_xydata()) == 2 for line in named)
    points = np.asarray(unnamed.get_xydata())
    assert np.isnan(points[2::3]).all()
    assert points[0::3].tolist() == [[k + 1, k + 1] for k in range(24, 500)]
    assert points[1::3].tolist() == [[k + 9, k + 1] for k in range(24, 500)]
    assert len(axes.get_xticks()) <= 24
    legend = axes.get_legend()
    assert legend is not None
    assert (len(legend.get_texts()), legend.get_title().get_text()) == (24, "and 476 more, grey")


WILD = [math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324, 0.0, -1.0, 1.0]


@pytest.mark.parametrize("figures", [WILD, *([each] for each in WILD[:6])])
def test_whatever_was_measured_the_rest_is_drawn(figures: list[float], drawn: list[Figure], tmp_path: Path) -> None:
    records = [record("edm", 6, nfe, figure) for nfe, figure in enumerate(figures)]
    plot_metrics(group_records(records), tmp_path, "x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn[0].savefig(tmp_path / "drawn.png", dpi=20)
    points = [list(line.get_ydata()) for line in drawn[0].axes[0].lines]
    assert points == ([[0.0, -1.0, 1.0]] if len(figures) > 1 else [])


@pytest.mark.parametrize(
    "hostile", [r"$\frac{", "$x$", "$$", "_hidden", "two\nlines", "\x1b[31m", "%s {}", "x" * 10_000]
)
def test_names_are_no_mathematics(hostile: str, drawn: list[Figure], tmp_path: Path) -> None:
    labels = {"sampler": hostile, "title": hostile, "columns": {hostile: 1}, "is_baseline": False}
    given = record("edm", 6, 11, None, metrics={hostile: 1.0}, model=hostile, seeds=hostile, labels=labels)
    plot_metrics(group_records([given]), tmp_path, "x")
    (axes,) = drawn[0].axes
    legend = axes.get_legend()
    assert legend is not None
    shown = [axes.get_title(), axes.get_ylabel(), *(text.get_text() for text in legend.get_texts())]
    assert len(shown) == 3
    assert all(text.isprintable() and len(text) < 250 for text in shown)
    assert not any(re.search(r"(?<!\\)\$", text) for text in shown)
    # And it can be drawn.
    drawn[0].savefig(tmp_path / "drawn.png", dpi=20)


def test_every_format_is_whole_and_the_same_each_time(tmp_path: Path) -> None:
    written: list[dict[str, bytes]] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        # Whatever the user's own settings are.
        with rc_context({"svg.hashsalt": name}):
            plot_metrics(grouped(5), tmp_path / name, "x")
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]
    files = written[0]
    assert len(re.findall(rb"/Type /Page\b", files["x.pdf"])) == 2
    assert b"/Type3" not in files["x.pdf"]
    assert ElementTree.fromstring(files["x-2.svg"]).tag.endswith("svg")
    assert Image.open(tmp_path / "a" / "x-2.png").height < Image.open(tmp_path / "a" / "x.png").height


def sure(error: float) -> dict[str, Any]:
    return {"uncertainty": {"fd_digits": {"standard_error": error, "method": "influence"}}}


def named_lines(page: Figure) -> list[Any]:
    return [line for line in page.axes[0].lines if not str(line.get_label()).startswith("_")]


@pytest.mark.parametrize("number", [2, 7, 24])
def test_lines_are_told_apart_without_colours(number: int, drawn: list[Figure], tmp_path: Path) -> None:
    records = [record("edm", 6, nfe, 1.0) for nfe in (9, 11)]
    records += [record(f"rival {k:02}", 6, nfe, 1.0 + k) for k in range(number - 1) for nfe in (9, 11)]
    plot_metrics(group_records(records), tmp_path, "x")
    (page,) = drawn
    lines = named_lines(page)
    assert len({(line.get_marker(), line.get_linestyle(), str(line._dash_pattern)) for line in lines}) == number
    assert [line.get_color() for line in lines].count("#000000") == 1
    page.draw_without_rendering()
    axes, legend = page.axes[0], page.axes[0].get_legend()
    assert legend is not None
    # Many names stand beside the axes, and within the figure.
    within, place = axes.get_window_extent(), legend.get_window_extent()
    assert (place.x0 >= within.x1) == (number > 6)
    assert page.bbox.x0 <= place.x0 < place.x1 <= page.bbox.x1
    assert page.bbox.y0 <= place.y0


def test_a_band_is_of_standard_errors(drawn: list[Figure], tmp_path: Path) -> None:
    records = [record("edm", 6, nfe, 3.0, **sure(0.5)) for nfe in (9, 11)]
    plot_metrics(group_records(records), tmp_path, "x")
    (axes,) = drawn[0].axes
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((3 - 0.98, 3 + 0.98))
    assert "bands and bars: ±1.96 standard errors over seeds" in axes.get_xlabel()


def test_without_standard_errors_it_is_the_blocks_deviation(drawn: list[Figure], tmp_path: Path) -> None:
    records = [each | {"nfe": nfe, "series": f"{nfe}"} for nfe in (9, 11) for each in blocks(1.0, 2.0, 3.0)]
    plot_metrics(group_records(records), tmp_path, "x")
    (axes,) = drawn[0].axes
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((1.0, 3.0))
    assert "± the deviation over the blocks" in axes.get_xlabel()


def test_of_many_lines_the_baseline_alone_has_a_band(drawn: list[Figure], tmp_path: Path) -> None:
    records = [
        record(name, 6, nfe, 3.0, **sure(0.5)) for name in ("edm", *(f"rival {k}" for k in range(5))) for nfe in (9, 11)
    ]
    plot_metrics(group_records(records), tmp_path, "x")
    filled = [each for each in drawn[0].axes[0].collections if "Line" not in type(each).__name__]
    assert len(filled) == 1


def test_a_band_that_reaches_zero_does_not_stretch_the_axis(drawn: list[Figure], tmp_path: Path) -> None:
    records = [record("edm", 6, nfe, figure, **sure(1.0)) for nfe, figure in ((9, 10.0), (11, 1.0))]
    plot_metrics(group_records(records), tmp_path, "x")
    assert drawn[0].axes[0].get_ylim()[0] == pytest.approx(0.3)


def test_a_column_that_makes_the_nfe_is_told_at_the_points(drawn: list[Figure], tmp_path: Path) -> None:
    """As edits have it, whose first step decides what they cost."""
    records = [
        record("mine", 18, 34 - 2 * step, 1.0 + step, {"partner": partner, "edit step": step})
        for step in (0, 4, 8)
        for partner in ("keep", "drop")
    ]
    plot_metrics(group_records(records), tmp_path, "x")
    (axes,) = drawn[0].axes
    assert [str(line.get_label()) for line in axes.lines] == ["mine drop", "mine keep"]
    assert all(list(line.get_xdata()) == [18, 26, 34] for line in axes.lines)
    assert sorted(text.get_text() for text in axes.texts) == ["0", "0", "4", "4", "8", "8"]
    assert "at the points: edit step" in axes.get_xlabel()


def test_what_other_seeds_chose_is_one_line_and_told_at_its_points(drawn: list[Figure], tmp_path: Path) -> None:
    records = [record("edm", steps, 2 * steps - 1, 1.0) for steps in (5, 6, 7)]
    values = {5: 0.1, 6: 0.3, 7: 0.2}
    records += [record("bdia", steps, 2 * steps - 1, 0.5, {"gamma": gamma}) for steps, gamma in values.items()]
    (group,) = group_records(records)
    rows = [
        row if row.is_baseline else replace(row, chosen=Chosen("gamma", row.columns["gamma"], 3, "9000-9999", "fd"))
        for row in group.rows
    ]
    plot_metrics([replace(group, rows=tuple(rows))], tmp_path, "chosen")
    (axes,) = drawn[0].axes
    assert [line.get_label() for line in named_lines(drawn[0])] == ["edm", "bdia (gamma chosen)"]
    assert sorted((text.get_text(), text.xy[0]) for text in axes.texts) == [("0.1", 9), ("0.2", 13), ("0.3", 11)]
    assert plot_columns([replace(group, rows=tuple(rows))], tmp_path, "chosen") == []
    assert plot_heat_maps([replace(group, rows=tuple(rows))], tmp_path, "chosen_heatmap") == []
    alone = tuple(row for row in rows if row.steps == 6)
    plot_metrics([replace(group, rows=alone)], tmp_path, "alone")
    names = [label.get_text() for label in drawn[1].axes[0].get_yticklabels()]
    assert any("bdia, gamma 0.3, NFE 11" in name for name in names)


def test_runs_that_are_alone_are_labelled_dots(drawn: list[Figure], tmp_path: Path) -> None:
    records = [record("edm", 9, 17, 2.0, **sure(0.1))]
    records += [record("bdia", 9, 17, 1.0 + gamma, {"gamma": gamma}, **sure(0.1)) for gamma in (0.1, 0.3)]
    plot_metrics(group_records(records), tmp_path, "x")
    (axes,) = drawn[0].axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["edm, NFE 17", "bdia gamma 0.1, NFE 17", "bdia gamma 0.3, NFE 17"]
    dots = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in dots] == [(2.0, 0), (1.1, 1), (1.3, 2)]
    # The baseline's is of another form and colour.
    assert len({(line.get_marker(), line.get_color()) for line in dots}) == 2
    assert axes.get_xlabel().startswith("fd_digits\nbars: ±1.96 standard errors")
    drawn[0].draw_without_rendering()
    assert all(label.get_window_extent().x1 <= drawn[0].bbox.x1 for label in axes.get_yticklabels())


def test_of_hundreds_of_dots_the_first_are_drawn(drawn: list[Figure], tmp_path: Path) -> None:
    plot_metrics(group_records([record(f"x {k:03}", 9, 17, 1.0) for k in range(300)]), tmp_path, "x")
    (axes,) = drawn[0].axes
    assert len(axes.get_yticklabels()) == 24
    assert "276 more are in the table" in axes.get_xlabel()
