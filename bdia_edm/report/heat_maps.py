"""How far a sampler is from the baseline at the same NFE, over its steps and an option that is a number.

The colours are ColorBrewer's RdBu, which the colour-blind tell apart: blue is a smaller figure than the baseline's, red
a larger one. In grey both ends are dark, so the number stands in every cell with its sign. Where the verdict is that
they are not distinguishable the cell is hatched, and where there is no interval, and so no verdict, the number is in
brackets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdia_edm.report.axis_scale import can_be_drawn
from bdia_edm.report.column_plots import family_title, is_of_choices
from bdia_edm.report.escaping import plot_text
from bdia_edm.report.figure_size import figure_of
from bdia_edm.report.group import Group, Row, baselines_of
from bdia_edm.report.numeric_columns import Family, families, number_of
from bdia_edm.report.plot_files import write_pages
from bdia_edm.report.verdict import NOT_DISTINGUISHABLE

__all__ = ["plot_heat_maps"]

_MOST = 12
_STRONGEST = 1.0
"""Relative differences beyond it have its colour: twice the baseline's figure, or nothing of it."""


@dataclass(frozen=True)
class _Cell:
    """Of one run.

    Attributes:
        relative: its difference over the baseline's figure, as in the table: of a jackknife corrected for the bias.
        is_judged: whether there is an interval of it.
        is_unclear: whether the verdict is that they are not distinguishable.
    """

    relative: float
    is_judged: bool
    is_unclear: bool

    @property
    def text(self) -> str:
        """In per cent, with its sign."""
        percent = 100 * self.relative
        shown = f"{percent:+.0f} %" if abs(percent) >= 10 else f"{percent:+.1f} %"
        shown = f"×{1 + self.relative:.3g}" if percent >= 1000 else shown
        return shown if self.is_judged else f"({shown})"


@dataclass(frozen=True)
class _Panel:
    """Of one metric of a family.

    Attributes:
        cells: by (steps, value); of many the first steps and values.
        left_out: how many cells there are beside these.
    """

    group: Group
    metric: str
    family: Family
    steps: list[int]
    values: list[float]
    cells: dict[tuple[int, float], _Cell]
    left_out: int


def plot_heat_maps(groups: Sequence[Group], folder: Path, name: str) -> list[str]:
    """Writes name.png, .svg and .pdf where some sampler has two steps by two values or more beside the baseline's.

    A panel for each metric, each column of numbers and each choice of the other options. What has no run, or no
    baseline at its NFE, is an empty cell.

    Returns:
        The names of the files; where there are none, those of an earlier plot are removed.
    """
    return write_pages([panel for group in groups for panel in _panels(group)], folder, name, _draw)


def _panels(group: Group) -> Iterator[_Panel]:
    for metric in group.compared:
        held = baselines_of(group.rows, group.baseline, metric)
        baselines = {nfe: row.metrics[metric] for nfe, row in held.items()}
        for family in families(group.rows):
            cells: dict[tuple[int, float], _Cell] = {}
            for row in family.rows:
                cell = _cell(row, metric, baselines.get(row.nfe, math.nan))
                if cell is not None:
                    cells.setdefault((row.steps, number_of(row, family.column)), cell)
            steps = sorted({place[0] for place in cells})[:_MOST]
            values = sorted({place[1] for place in cells})[:_MOST]
            if len(steps) > 1 and len(values) > 1 and not is_of_choices(family):
                shown = {place: cell for place, cell in cells.items() if place[0] in steps and place[1] in values}
                yield _Panel(group, metric, family, steps, values, shown, len(cells) - len(shown))


def _cell(row: Row, metric: str, baseline: float) -> _Cell | None:
    """The row's; None where there is nothing to hold it against."""
    comparison = row.comparisons.get(metric)
    difference = row.differences.get(metric, math.nan)
    relative = comparison.relative if comparison is not None else difference / baseline if baseline > 0 else math.nan
    if not can_be_drawn(relative):
        return None
    return _Cell(relative, comparison is not None, comparison is not None and comparison.verdict == NOT_DISTINGUISHABLE)


def _draw(panels: Sequence[_Panel], note: str) -> Any:
    figure, every = figure_of(len(panels), ["+100 %"], note)
    for axes, panel in zip(every, panels, strict=True):
        _plot(axes, panel)
    return figure


def _plot(axes: Any, panel: _Panel) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    strongest = min(max(abs(cell.relative) for cell in panel.cells.values()), _STRONGEST) or _STRONGEST
    scale, colours = Normalize(-strongest, strongest, clip=True), colormaps["RdBu_r"]
    size = 9 if len(panel.values) <= 8 else 7
    for (steps, value), cell in panel.cells.items():
        left, top = panel.values.index(value) - 0.5, panel.steps.index(steps) - 0.5
        colour = colours(scale(cell.relative))
        is_dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 0.5
        axes.add_patch(Rectangle((left, top), 1, 1, facecolor=colour, edgecolor="white"))
        box = None
        if cell.is_unclear:
            axes.add_patch(
                Rectangle(
                    (left, top), 1, 1, fill=False, hatch="///", edgecolor="0.8" if is_dark else "0.35", linewidth=0
                )
            )
            # Or the hatching runs through the number.
            box = {"facecolor": colour, "edgecolor": "none", "pad": 1.5}
        ink = "white" if is_dark else "black"
        axes.text(left + 0.5, top + 0.5, cell.text, ha="center", va="center", fontsize=size, color=ink, bbox=box)
    axes.set_xlim(-0.5, len(panel.values) - 0.5)
    axes.set_ylim(len(panel.steps) - 0.5, -0.5)
    axes.set_xticks(range(len(panel.values)), [f"{value:g}" for value in panel.values], fontsize=8)
    axes.set_yticks(range(len(panel.steps)), [f"{steps}" for steps in panel.steps], fontsize=8)
    axes.set_title(family_title(panel.group, panel.metric, panel.family), fontsize=10)
    axes.set_xlabel("\n".join([plot_text(panel.family.column), _notes(panel)]).rstrip(), fontsize=9)
    axes.set_ylabel("steps")
    beyond = max(cell.relative for cell in panel.cells.values()) > strongest
    bar = axes.figure.colorbar(
        ScalarMappable(scale, colours), ax=axes, extend="max" if beyond else "neither", pad=0.02, fraction=0.05
    )
    bar.ax.yaxis.set_major_formatter(lambda value, position: f"{100 * value:+g} %" if value else "0")
    bar.set_label(plot_text(f"difference from {panel.group.baseline} at the same NFE"), fontsize=9)


def _notes(panel: _Panel) -> str:
    cells = panel.cells.values()
    notes = ["hatched: not distinguishable"] if any(cell.is_unclear for cell in cells) else []
    notes += ["in brackets: no interval"] if not all(cell.is_judged for cell in cells) else []
    notes += ["×: times the baseline's"] if any("×" in cell.text for cell in cells) else []
    notes += [f"{panel.left_out} more are in the table"] if panel.left_out else []
    return "; ".join(notes)
