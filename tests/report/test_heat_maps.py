"""The heat map of differences from the baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from bdia_edm.report import heat_maps
from bdia_edm.report.heat_maps import plot_heat_maps
from bdia_edm.report.rows import Group, group_records
from bdia_edm.report.verdict import Comparison
from tests.report.test_column_plots import study
from tests.report.test_tables import record


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    pages: list[Figure] = []
    draw = heat_maps._draw

    def keep(*given: Any) -> Figure:
        pages.append(draw(*given))
        return Figure(figsize=(1, 1))

    monkeypatch.setattr(heat_maps, "_draw", keep)
    return pages


def maps(page: Figure) -> list[Any]:
    """The axes without the bars of colours."""
    return [axes for axes in page.axes if axes.get_title()]


def judged(records: list[Any]) -> Group:
    """Where gamma is 0.3 nothing is sure."""
    (group,) = group_records(records)
    for row in group.rows:
        if not row.is_baseline:
            high = 1.0 if row.columns["gamma"] == 0.3 else -1.0
            relative = row.metrics["fd_digits"] / row.steps - 1
            row.comparisons["fd_digits"] = Comparison(0.0, -2.0, high, relative, "influence", True)  # type: ignore[index]
    return group


def test_every_cell_has_its_number_and_what_is_not_sure_is_hatched(drawn: list[Figure], tmp_path: Path) -> None:
    names = plot_heat_maps([judged(study())], tmp_path, "heat")
    assert sorted(names) == ["heat.pdf", "heat.png", "heat.svg"] == sorted(path.name for path in tmp_path.iterdir())
    assert len(maps(drawn[0])) == 2
    for axes in maps(drawn[0]):
        cells = {text.get_position(): text.get_text() for text in axes.texts}
        # 2, 4 and 6 against 5, and against 6.
        assert cells == {
            (0, 0): "-60 %", (1, 0): "-20 %", (2, 0): "+20 %",
            (0, 1): "-67 %", (1, 1): "-33 %", (2, 1): "+0.0 %",
        }  # fmt: skip
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "0.3", "0.5"]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["5", "6"]
        hatched = {(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in axes.patches if patch.get_hatch()}
        assert hatched == {(1, 0), (1, 1)}
        assert "hatched: not distinguishable" in axes.get_xlabel()
        assert "brackets" not in axes.get_xlabel()
        # Blue is less and red more, and the same distance from 0 is as dark.
        colours = {
            (p.get_x() + 0.5, p.get_y() + 0.5): np.array(p.get_facecolor()) for p in axes.patches if p.get_fill()
        }
        less, more = colours[1, 0], colours[2, 0]
        assert less[2] > less[0]
        assert more[0] > more[2]
        assert (colours[2, 1][:3] > 0.95).all()
        grey = np.array([0.299, 0.587, 0.114])
        assert abs((less[:3] - more[:3]) @ grey) < 0.1


def test_without_an_interval_it_is_in_brackets_and_without_a_run_empty(drawn: list[Figure], tmp_path: Path) -> None:
    records = [each for each in study() if (each["nfe"], each["labels"]["columns"].get("gamma")) != (12, 0.5)]
    # No baseline costs as much.
    records.append(record("bdia", 7, 100, 1.0, {"backward": "euler", "gamma": 0.1}))
    plot_heat_maps(group_records(records), tmp_path, "heat")
    for axes in maps(drawn[0]):
        cells = {text.get_position(): text.get_text() for text in axes.texts}
        assert cells == {(0, 0): "(-60 %)", (1, 0): "(-20 %)", (2, 0): "(+20 %)", (0, 1): "(-67 %)", (1, 1): "(-33 %)"}
        assert not any(patch.get_hatch() for patch in axes.patches)
        assert "in brackets: no interval" in axes.get_xlabel()


def test_what_explodes_is_told_in_times(drawn: list[Figure], tmp_path: Path) -> None:
    plot_heat_maps(group_records(study(gammas=(0.1, 100.0))), tmp_path, "heat")
    (axes, *_) = maps(drawn[0])
    assert {text.get_text() for text in axes.texts} == {"(-60 %)", "(-67 %)", "(×200)", "(×167)"}
    assert "×: times the baseline's" in axes.get_xlabel()


@pytest.mark.parametrize(
    "records",
    [
        study(steps=(5,)),
        study(gammas=(0.1,)),
        [each for each in study() if not each["labels"]["is_baseline"]],
        [each | {"metrics": {"fd_digits": float("inf")}} for each in study()],
        [],
    ],
)
def test_less_than_two_by_two_is_no_map(records: list[Any], tmp_path: Path) -> None:
    plot_heat_maps(group_records(study()), tmp_path, "heat")
    assert plot_heat_maps(group_records(records), tmp_path, "heat") == []
    # What was there before is gone.
    assert list(tmp_path.iterdir()) == []
