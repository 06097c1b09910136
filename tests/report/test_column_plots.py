"""A figure against an option that is a number."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bdia_edm.report import column_plots
from bdia_edm.report.column_plots import plot_columns
from bdia_edm.report.rows import group_records
from bdia_edm.report.verdict import Comparison
from tests.report.test_tables import record

GAMMAS = (0.1, 0.3, 0.5)


def study(steps: tuple[int, ...] = (5, 6), gammas: tuple[float, ...] = GAMMAS, column: str = "gamma") -> list[Any]:
    """Of a rival whose figure is gamma times 10 more than 1, the baseline's being the steps."""
    sure = {"uncertainty": {"fd_digits": {"standard_error": 0.1, "method": "influence"}}}
    records = [record("edm", each, 2 * each, float(each), **sure) for each in steps]
    for backward in ("euler", "heun"):
        for gamma in gammas:
            columns = {"backward": backward, column: gamma}
            records += [record("bdia", each, 2 * each, 1 + 10 * gamma, columns, **sure) for each in steps]
    return records


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    pages: list[Figure] = []
    draw = column_plots._draw

    def keep(*given: Any) -> Figure:
        pages.append(draw(*given))
        return Figure(figsize=(1, 1))

    monkeypatch.setattr(column_plots, "_draw", keep)
    return pages


def test_a_line_for_each_number_of_steps_and_the_baselines_across(drawn: list[Figure], tmp_path: Path) -> None:
    names = plot_columns(group_records(study()), tmp_path, "x")
    assert names == ["x_gamma.png", "x_gamma.svg", "x_gamma.pdf"]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    (page,) = drawn
    assert [axes.get_title().partition(";")[0] for axes in page.axes] == [
        "fd_digits, bdia euler",
        "fd_digits, bdia heun",
    ]
    for axes in page.axes:
        lines = {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).startswith("_")}
        assert list(lines) == ["5 steps, NFE 10", "EDM, NFE 10", "6 steps, NFE 12", "EDM, NFE 12"]
        for steps in (5, 6):
            line, across = lines[f"{steps} steps, NFE {2 * steps}"], lines[f"EDM, NFE {2 * steps}"]
            assert np.asarray(line.get_xydata()).tolist() == [[g, 1 + 10 * g] for g in GAMMAS]
            assert set(across.get_ydata()) == {steps}
            assert line.get_marker() == across.get_marker()
            assert to_hex(line.get_color()) == to_hex(across.get_color())
        one, other = lines["5 steps, NFE 10"], lines["6 steps, NFE 12"]
        assert one.get_marker() != other.get_marker()
        assert one.get_linestyle() != other.get_linestyle()
        # The baseline's band, of 1.96 standard errors.
        bounds = sorted((patch.get_y(), patch.get_y() + patch.get_height()) for patch in axes.patches)
        assert np.array(bounds) == pytest.approx(np.array([(5 - 0.196, 5 + 0.196), (6 - 0.196, 6 + 0.196)]))
        assert axes.get_xlabel().splitlines()[0] == "gamma"
        # Beside the axes, where no line is hidden.
        legend = axes.get_legend()
        assert legend is not None
        page.draw_without_rendering()
        assert legend.get_window_extent().x0 >= axes.get_window_extent().x1
        assert legend.get_window_extent().x1 <= page.bbox.x1


def test_what_is_no_better_and_no_worse_is_hollow(drawn: list[Figure], tmp_path: Path) -> None:
    (group,) = group_records(study(steps=(5,)))
    verdicts = {0.1: (-2.0, -1.0), 0.3: (-1.0, 1.0), 0.5: (1.0, 2.0)}
    for row in group.rows:
        if not row.is_baseline:
            low, high = verdicts[row.columns["gamma"]]  # type: ignore[index]
            row.comparisons["fd_digits"] = Comparison(0.0, low, high, 0.1, "influence", True)  # type: ignore[index]
    plot_columns([group], tmp_path, "x")
    for axes in drawn[0].axes:
        hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
        assert [np.asarray(line.get_xydata()).tolist() for line in hollow] == [[[0.3, 4.0]]]
        assert "hollow: no such verdict" in axes.get_xlabel()


@pytest.mark.parametrize(
    "records",
    [
        study(gammas=(0.1, 0.3)),
        [record("edm", steps, steps, 1.0, {"gamma": steps / 10}) for steps in (1, 2, 3, 4)],
        [record("mine", steps, steps, 1.0) for steps in (1, 2, 3, 4)],
        [record("mine", 6, 11, None, {"gamma": gamma}) for gamma in GAMMAS],
        [],
    ],
)
def test_where_there_is_nothing_to_see_nothing_is_written(records: list[Any], tmp_path: Path) -> None:
    assert plot_columns(group_records(records), tmp_path, "x") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "file"),
    [("edit step", "x_edit-step"), ("../../$x$", "x_x"), ("é", "x_option"), ("heatmap", "x_option-heatmap")],
)
def test_names_of_columns_are_no_paths_and_no_mathematics(column: str, file: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = plot_columns(group_records(study(column=column)), tmp_path, "x")
    assert names == [f"{file}.png", f"{file}.svg", f"{file}.pdf"]
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())


def test_two_columns_of_one_files_name_are_two_files(tmp_path: Path) -> None:
    records = study(column="a b") + study(column="a-b")
    names = plot_columns(group_records(records), tmp_path, "x")
    assert len(set(names)) == len(names) == 6


def test_without_a_baseline_and_with_many_steps(drawn: list[Figure], tmp_path: Path) -> None:
    records = [each for each in study(steps=tuple(range(3, 33))) if not each["labels"]["is_baseline"]]
    plot_columns(group_records(records), tmp_path, "x")
    for axes in drawn[0].axes:
        named = [line for line in axes.lines if "steps" in str(line.get_label())]
        assert len(named) == 12
        assert "18 more numbers of steps are in the table" in axes.get_xlabel()
