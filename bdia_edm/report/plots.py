"""Plots of metrics against the number of denoiser evaluations; those of round trips against that of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bdia_edm.records.wording import in_words, shortened
from bdia_edm.report.axis_scale import can_be_drawn, scale_axis
from bdia_edm.report.bands import band_words, half_width
from bdia_edm.report.dots import draw_dots
from bdia_edm.report.escaping import plot_text
from bdia_edm.report.figure_size import figure_of, legend_beside
from bdia_edm.report.line_styles import style_of
from bdia_edm.report.names import paper_name
from bdia_edm.report.numeric_columns import numeric_columns
from bdia_edm.report.plot_files import write_pages
from bdia_edm.report.rows import Group, Row

__all__ = ["plot_metrics"]

_LINES = 24
_LEGEND_WITHIN = 6
_BANDS = 4
_TICKS = 24
_COLUMNS = 8
_POINTS_TOLD = 150
_TITLE = 100
_NAME = 90
"""Lines that have a name and a style, that a legend within the axes has room for, and whose bands can be told apart (of
more lines the baseline's alone is a band, and the others' are bars); ticks of an axis; columns that are tried; points
that are told; characters of a title and of a name: what can still be read, and is drawn in seconds."""

Along = Callable[[Row], float]


@dataclass(frozen=True)
class _Panel:
    """What is drawn of one metric of a group.

    Attributes:
        lines: by name.
        told: the column whose value is told at the points; '' where none is.
        is_of_chosen: whether it is told of the rows alone for which other seeds chose it.
    """

    group: Group
    metric: str
    lines: dict[str, list[Row]]
    told: str
    is_of_chosen: bool = False

    @property
    def has_dots(self) -> bool:
        """Whether no line has a second point: then each has a line of its own, and NFE no axis."""
        return len(self.lines) > 1 and all(len(rows) == 1 for rows in self.lines.values())

    @property
    def names_beside(self) -> list[str]:
        """What stands at the right of the axes."""
        return list(self.lines)[:_LINES] if self.has_dots or len(self.lines) > _LEGEND_WITHIN else []


def plot_metrics(groups: Sequence[Group], folder: Path, name: str) -> list[str]:
    """A panel for each group and metric that can be better or worse, in it a line for each sampler.

    Both axes are logarithmic where that is possible. A sampler with other options, in its name or in columns of their
    own, has another line; but where that leaves most lines a single point, a column of numbers that changes the NFE is
    told at the points instead, and where there is no such column each run is a labelled dot. A band says how sure a
    figure is (``bands``). The files are ``write_pages``'s.

    Returns:
        The names of the files.
    """
    panels = [(group, metric) for group in groups for metric in group.compared or ("nothing measured",)]
    # One point is no plot, where there are others.
    panels = [panel for panel in panels if len(panel[0].rows) > 1] or panels
    return write_pages(panels, folder, name, _draw)


def _draw(panels: Sequence[tuple[Group, str]], note: str) -> Any:
    prepared = [_prepare(*panel) for panel in panels]
    figure, every = figure_of(len(panels), [name for panel in prepared for name in panel.names_beside], note)
    for axes, panel in zip(every, prepared, strict=True):
        _plot(axes, panel)
    return figure


def _prepare(group: Group, metric: str) -> _Panel:
    along = _along(group)
    rows = [row for row in group.rows if along(row) > 0 and can_be_drawn(row.metrics.get(metric, math.nan))]
    lines, told = _by_name(rows), ""
    if sum(len(each) == 1 for each in lines.values()) > len(lines) / 2:
        for column in numeric_columns(rows)[:_COLUMNS]:
            merged = _by_name(rows, column)
            passable = all(len({*map(along, each)}) == len(each) for each in merged.values())
            if passable and 2 * len(merged) <= len(lines):
                lines, told = merged, column
    chosen = [option for row in rows if (option := _chosen_option(row))]
    if chosen and not told:
        return _Panel(group, metric, lines, chosen[0], is_of_chosen=True)
    return _Panel(group, metric, lines, told)


def _by_name(rows: Sequence[Row], without: str = "") -> dict[str, list[Row]]:
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(_name(row, without), []).append(row)
    return lines


def _along(group: Group) -> Along:
    return (lambda row: row.steps) if group.task == "invert" else (lambda row: row.nfe)


def _plot(axes: Any, panel: _Panel) -> None:
    group, metric, shown = panel.group, panel.metric, plot_text(paper_name(panel.metric))
    axes.set_title(plot_text(shortened(f"{group.subject}, {paper_name(metric)}", _TITLE)), fontsize=11)
    axes.grid(alpha=0.3)
    if panel.has_dots:
        dots = {_dot_name(rows[0], name): rows[0] for name, rows in panel.lines.items()}
        draw_dots(axes, dict([*dots.items()][:_LINES]), metric, shown, max(len(dots) - _LINES, 0))
        return
    along, lines = _along(group), list(panel.lines.items())
    _plot_unnamed(axes, [rows for _, rows in lines[_LINES:]], metric, along)
    lowest, words = _plot_lines(axes, lines[:_LINES], metric, along)
    named = "steps (noise levels above 0)" if group.task == "invert" else "NFE (denoiser evaluations per image)"
    told = [f"at the points: {plot_text(panel.told)}"] if panel.told else []
    # Below the axis, where no line lies.
    axes.set_xlabel("\n".join([named, "; ".join([*words, *told])]).rstrip())
    axes.set_ylabel(shown)
    axes.set_xscale("log")
    scale_axis(axes, "y", [row.metrics[metric] for _, rows in lines for row in rows], lowest)
    if panel.told:
        _tell_points(axes, [rows for _, rows in lines[:_LINES]], panel)
    ticks = _apart({along(row) for _, rows in lines for row in rows})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    if panel.names_beside:
        legend_beside(axes, f"and {len(lines) - _LINES} more, grey" if len(lines) > _LINES else None)
    elif lines:
        axes.legend(fontsize=8, handlelength=3.5)


def _plot_lines(
    axes: Any, lines: Sequence[tuple[str, list[Row]]], metric: str, along: Along
) -> tuple[list[float], list[str]]:
    """Draws the lines with their bands; returns where these begin, and what they are."""
    of_errors, words = band_words([row for _, rows in lines for row in rows], metric)
    lowest: list[float] = []
    for number, (name, rows) in enumerate(lines):
        rows.sort(key=along)
        style = style_of(number, rows[0].is_baseline)
        across, up = [along(row) for row in rows], [row.metrics[metric] for row in rows]
        # The baseline lies below, as the others are often close to it.
        axes.plot(across, up, label=plot_text(shortened(name, _NAME)), zorder=2 + (not rows[0].is_baseline), **style)
        halves = [half_width(row, metric, of_errors) for row in rows] if words else []
        low = [value - half for value, half in zip(up, halves, strict=False)]
        high = [value + half for value, half in zip(up, halves, strict=False)]
        if any(halves) and len(rows) > 1 and (len(lines) <= _BANDS or rows[0].is_baseline):
            axes.fill_between(across, low, high, color=style["color"], alpha=0.13, linewidth=0)
        elif any(halves):
            axes.errorbar(across, up, halves, fmt="none", ecolor=style["color"], elinewidth=0.8, capsize=2, alpha=0.7)
        lowest += low if any(halves) else []
    return lowest, [f"bands and bars: {words}"] if any(lowest) else []


def _apart(places: set[float]) -> list[float]:
    """Those of the places on a logarithmic axis whose numbers do not run into each other, from the least."""
    chosen: list[float] = []
    for place in sorted(places):
        least = (max(places) / min(places)) ** (1 / _TICKS)
        if not chosen or place >= chosen[-1] * least:
            chosen.append(place)
    return chosen


def _tell_points(axes: Any, lines: Sequence[list[Row]], panel: _Panel) -> None:
    """Writes the column's value at every point, where they are few enough."""
    if sum(map(len, lines)) > _POINTS_TOLD:
        return
    along = _along(panel.group)
    of_chosen = panel.is_of_chosen
    for row in (row for rows in lines for row in rows if panel.told in row.columns):
        if of_chosen and _chosen_option(row) != panel.told:
            continue
        told, place = in_words({"": row.columns[panel.told]}).strip(), (along(row), row.metrics[panel.metric])
        axes.annotate(plot_text(told), place, (3, 3), textcoords="offset points", fontsize=6)


def _plot_unnamed(axes: Any, lines: Sequence[list[Row]], metric: str, along: Along) -> None:
    """Lines that the legend has no room for, below the others: one line with gaps, as thousands take many seconds."""
    points: list[tuple[float, float]] = []
    for rows in lines:
        points += [(along(row), row.metrics[metric]) for row in sorted(rows, key=along)]
        points.append((math.nan, math.nan))
    if points:
        axes.plot(*zip(*points, strict=True), color="0.8", linewidth=0.8, marker=".", zorder=1)


def _name(row: Row, without: str = "") -> str:
    """A value that other seeds chose for a row makes no other line: it is told at its point."""
    option = _chosen_option(row)
    columns = in_words({name: value for name, value in row.columns.items() if name not in (without, option)})
    name = f"{row.sampler} {columns}" if columns else row.sampler
    return f"{name} ({option} chosen)" if option else name


def _dot_name(row: Row, name: str) -> str:
    """Of a line of one point, where nothing is told at it."""
    option = _chosen_option(row)
    whole = f"{name.removesuffix(f' ({option} chosen)')}, {in_words({option: row.columns[option]})}" if option else name
    return f"{whole}, NFE {row.nfe:g}"


def _chosen_option(row: Row) -> str:
    """The column whose value was chosen on other seeds; '' where none was."""
    return row.chosen.option if row.chosen is not None and row.chosen.option in row.columns else ""
