"""A figure against an option that is a number, one line for each number of steps, beside the baseline's figure.

Which options there are is taken from the rows' columns: BDIA's gamma is one, an order is another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdia_edm.records.wording import in_words, shortened
from bdia_edm.report.axis_scale import can_be_drawn, scale_axis
from bdia_edm.report.bands import band_words, half_width
from bdia_edm.report.escaping import plot_text
from bdia_edm.report.figure_size import figure_of, legend_beside
from bdia_edm.report.group import Group, Row, baselines_of, union
from bdia_edm.report.line_styles import style_of
from bdia_edm.report.names import paper_name
from bdia_edm.report.numeric_columns import Family, families, number_of
from bdia_edm.report.plot_files import write_pages
from bdia_edm.report.verdict import NOT_DISTINGUISHABLE

__all__ = ["family_title", "is_of_choices", "plot_columns"]

_LEAST_VALUES = 3
_LINES = 12
_COLUMNS = 4
_TAKEN = "heatmap"
_WIDE = 50
_TITLE = 110


@dataclass(frozen=True)
class _Panel:
    """What is drawn of one metric of a family.

    Attributes:
        lines: by the steps; in each the rows by the column's value.
        baselines: the baseline's rows by their NFE.
    """

    group: Group
    metric: str
    family: Family
    lines: dict[int, list[Row]]
    baselines: dict[float, Row]

    @property
    def held_against(self) -> list[Row]:
        """The baseline at each line's NFE, where there is one."""
        costs = dict.fromkeys(row.nfe for rows in self._drawn for row in rows)
        return [self.baselines[nfe] for nfe in costs if nfe in self.baselines]

    @property
    def _drawn(self) -> list[list[Row]]:
        return [*self.lines.values()][:_LINES]


def plot_columns(groups: Sequence[Group], folder: Path, name: str) -> list[str]:
    """Writes name_COLUMN.png, .svg and .pdf for the first columns of numbers that have three values or more.

    A panel for each metric and each choice of the other options. Where there are verdicts, a filled marker is a figure
    that is better or worse than the baseline's at the same NFE, and a hollow one is not distinguishable from it or has
    nothing that it could be held against; bars and bands are of standard errors. A line across is the baseline, with
    the dashes and, at the edge, the marker of the line that it belongs to. An earlier plot of a column that has none
    any more is removed.

    Returns:
        The names of the files.
    """
    by_column: dict[str, list[_Panel]] = {}
    for group in groups:
        for panel in _panels(group):
            by_column.setdefault(panel.family.column, []).append(panel)
    drawn = dict([*by_column.items()][:_COLUMNS])
    for column in union(group.columns for group in groups):
        if column not in drawn:
            write_pages([], folder, f"{name}_{_file_name(column)}", _draw)
    written: list[str] = []
    for column, panels in drawn.items():
        # Two columns may be one file's name.
        file = f"{name}_{_file_name(column)}"
        file = file if f"{file}.pdf" not in written else f"{file}_{len(written)}"
        written += write_pages(panels, folder, file, _draw)
    return written


def family_title(group: Group, metric: str, family: Family) -> str:
    """What a panel shows: the metric, of whom, and of which images."""
    options = in_words({name: value for name, value in family.others.items() if value is not None})
    whose = f"{family.sampler} {options}" if options else family.sampler
    return plot_text(shortened(f"{paper_name(metric)}, {whose}; {group.subject}", _TITLE))


def is_of_choices(family: Family) -> bool:
    """Whether other seeds chose every value: of each number of steps there is one, and nothing goes along them."""
    return all(row.chosen is not None and row.chosen.option == family.column for row in family.rows)


def _panels(group: Group) -> Iterator[_Panel]:
    for metric in group.compared:
        drawn = [row for row in group.rows if can_be_drawn(row.metrics.get(metric, math.nan))]
        # One that cannot be drawn is not another's.
        held = baselines_of(group.rows, group.baseline, metric)
        baselines = {nfe: row for nfe, row in held.items() if can_be_drawn(row.metrics[metric])}
        for family in families(drawn):
            if len(family.values()) < _LEAST_VALUES or is_of_choices(family):
                continue
            lines: dict[int, list[Row]] = {}
            for row in sorted(family.rows, key=lambda row: (row.steps, number_of(row, family.column))):
                lines.setdefault(row.steps, []).append(row)
            yield _Panel(group, metric, family, lines, baselines)


def _file_name(column: str) -> str:
    """Of a column's name, which may come from anywhere: letters and digits."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", column).strip("-")[:40]
    return plain if plain.lower() not in ("", _TAKEN) else f"option-{plain}".rstrip("-")


def _draw(panels: Sequence[_Panel], note: str) -> Any:
    names = [
        name
        for panel in panels
        for name in [
            *(_line_name(steps, rows) for steps, rows in panel.lines.items()),
            *(_baseline_name(panel.group, row) for row in panel.held_against),
        ]
    ]
    figure, every = figure_of(len(panels), names, note)
    for axes, panel in zip(every, panels, strict=True):
        _plot(axes, panel)
    return figure


def _line_name(steps: int, rows: Sequence[Row]) -> str:
    costs = sorted({row.nfe for row in rows})
    return f"{steps} steps, NFE {'/'.join(f'{nfe:g}' for nfe in costs[:3])}"


def _baseline_name(group: Group, row: Row) -> str:
    return f"{group.baseline}, NFE {row.nfe:g}"


def _plot(axes: Any, panel: _Panel) -> None:
    column, metric = panel.family.column, panel.metric
    every = [row for rows in panel.lines.values() for row in rows]
    of_errors, words = band_words([*every, *panel.held_against], metric)
    is_judged = any(metric in row.comparisons for row in every)
    values, low = [row.metrics[metric] for row in every], []
    across = panel.family.values()
    is_wide = across[0] > 0 and across[-1] > _WIDE * across[0]
    drawn: set[float] = set()
    for number, (steps, rows) in enumerate([*panel.lines.items()][:_LINES]):
        style = style_of(number)
        x, y = [number_of(row, column) for row in rows], [row.metrics[metric] for row in rows]
        halves = [half_width(row, metric, of_errors) for row in rows]
        low += [value - half for value, half in zip(y, halves, strict=True)]
        axes.plot(x, y, label=_line_name(steps, rows), zorder=3, **style)
        axes.errorbar(x, y, halves, fmt="none", ecolor=style["color"], elinewidth=0.9, capsize=3, zorder=3)
        unclear = [place for place, row in enumerate(rows) if is_judged and not _is_clear(row, metric)]
        axes.plot(
            [x[place] for place in unclear],
            [y[place] for place in unclear],
            linestyle="none",
            marker=style["marker"],
            markeredgecolor=style["color"],
            markerfacecolor="white",
            zorder=4,
        )
        for row in rows:
            baseline = panel.baselines.get(row.nfe)
            if baseline is not None and row.nfe not in drawn:
                drawn.add(row.nfe)
                values.append(baseline.metrics[metric])
                low.append(_across(axes, panel, baseline, half_width(baseline, metric, of_errors), style))
    axes.set_title(family_title(panel.group, metric, panel.family), fontsize=10)
    notes = ["filled: better or worse than the baseline at this NFE; hollow: no such verdict"] if is_judged else []
    notes += [f"bars and bands: {words}"] if words else []
    notes += (
        [f"{len(panel.lines) - _LINES} more numbers of steps are in the table"] if len(panel.lines) > _LINES else []
    )
    axes.set_xlabel("\n".join([plot_text(column), *notes]), fontsize=9)
    axes.set_ylabel(plot_text(paper_name(metric)))
    if is_wide:
        axes.set_xscale("log")
    if len(across) <= 20:
        axes.set_xticks(across, [f"{value:g}" for value in across])
        axes.set_xticks([], minor=True)
    scale_axis(axes, "y", values, low)
    axes.grid(alpha=0.3)
    legend_beside(axes)


def _across(axes: Any, panel: _Panel, baseline: Row, half: float, style: dict[str, Any]) -> float:
    """The baseline's line across with its band; returns where the band begins."""
    height = baseline.metrics[panel.metric]
    axes.axhline(
        height,
        color=style["color"],
        linestyle=style["linestyle"],
        linewidth=0.9,
        # At the edge, which is no value of the column: which line it belongs to is seen in grey too.
        marker=style["marker"],
        markevery=[0],
        markersize=9,
        clip_on=False,
        label=_baseline_name(panel.group, baseline),
    )
    if half:
        axes.axhspan(height - half, height + half, color=style["color"], alpha=0.1, linewidth=0)
    return height - half


def _is_clear(row: Row, metric: str) -> bool:
    """Whether the verdict is that the row is better or worse than the baseline."""
    comparison = row.comparisons.get(metric)
    return comparison is not None and comparison.verdict != NOT_DISTINGUISHABLE
