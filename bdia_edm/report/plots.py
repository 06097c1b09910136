"""Plots of metrics against the number of denoiser evaluations; those of round trips against that of steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bdia_edm.base.whole_files import written_whole
from bdia_edm.records.wording import in_words, shortened
from bdia_edm.report.escaping import plot_text
from bdia_edm.report.names import paper_name
from bdia_edm.report.rows import Group, Row

__all__ = ["plot_metrics"]

_PANELS = 4
_PAGES = 2
_LINES = 24
_TICKS = 24
_TITLE = 100
"""Panels of a page, pages of a plot, lines that have a name and colour, ticks of an axis, characters of a title: what
can still be read, and is drawn in seconds."""


def plot_metrics(groups: Sequence[Group], folder: Path, name: str) -> list[str]:
    """A panel for each group and metric that can be better or worse, in it a line for each sampler.

    Both axes are logarithmic where that is possible. A sampler with other options, in its name or in columns of their
    own, has another line. A page is name.png and name.svg, the next name-2.png; name.pdf holds all pages. Beyond some
    pages the tables alone tell the rest.

    Returns:
        The names of the files.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    panels = [(group, metric) for group in groups for metric in group.compared or ("nothing measured",)]
    # One point is no plot, where there are others.
    panels = [panel for panel in panels if len(panel[0].rows) > 1] or panels
    pages = [panels[start : start + _PANELS] for start in range(0, len(panels), _PANELS)]
    written: list[str] = []
    # The same records give the same bytes; fonts that a journal takes.
    with (
        rc_context({"svg.hashsalt": "bdia_edm", "pdf.fonttype": 42}),
        written_whole(folder / f"{name}.pdf") as partial,
        PdfPages(partial, metadata={"CreationDate": None}) as pdf,
    ):
        for number, page in enumerate(pages[:_PAGES], 1):
            left = len(panels) - _PANELS * _PAGES if number == _PAGES else 0
            figure = _draw(page, f"{left} more panels are not drawn" if left > 0 else "")
            for suffix, options in ((".png", {"dpi": 110}), (".svg", {"metadata": {"Date": None}})):
                written.append(f"{name}{'' if number == 1 else f'-{number}'}{suffix}")
                with written_whole(folder / written[-1]) as picture:
                    figure.savefig(picture, format=suffix[1:], **options)
            pdf.savefig(figure)
    _remove_pages(folder, name, len(pages[:_PAGES]) + 1)
    return [*written, f"{name}.pdf"]


def _remove_pages(folder: Path, name: str, first: int) -> None:
    """Removes the pages that an earlier plot of more records left."""
    for number in itertools.count(first):
        pages = [folder / f"{name}-{number}{suffix}" for suffix in (".png", ".svg")]
        if not any(page.exists() for page in pages):
            return
        for page in pages:
            page.unlink(missing_ok=True)


def _draw(panels: Sequence[tuple[Group, str]], note: str) -> Any:
    # Figure by itself, without pyplot, needs no display and leaves no global state.
    from matplotlib.figure import Figure

    height = 5.5 * len(panels)
    figure = Figure(figsize=(9, height))
    # Margins in inches: to look for the least would take as long as to draw.
    margins = {"left": 0.8 / 9, "right": 1 - 0.15 / 9, "bottom": 0.6 / height, "top": 1 - 0.4 / height}
    figure.subplots_adjust(**margins, hspace=1 / 4.5)
    for axes, (group, metric) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        _plot(axes, group, metric)
    if note:
        figure.text(0.98, 0.1 / height, note, ha="right", fontsize=8)
    return figure


def _plot(axes: Any, group: Group, metric: str) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    of_steps = group.task == "invert"
    along: Callable[[Row], float] = (lambda row: row.steps) if of_steps else (lambda row: row.nfe)
    lines: dict[str, list[Row]] = {}
    for row in group.rows:
        if along(row) > 0 and _can_be_drawn(row.metrics.get(metric, math.nan)):
            lines.setdefault(_name(row), []).append(row)
    drawn = list(lines.items())[:_LINES]
    _plot_unnamed(axes, list(lines.values())[_LINES:], metric, along)
    for number, (name, rows) in enumerate(drawn):
        rows.sort(key=along)
        style = {"color": "black", "linewidth": 2.2} if rows[0].is_baseline else {"linewidth": 1.2}
        marker = "osD^vP*Xph<>"[number % 12]
        heights = [row.metrics[metric] for row in rows]
        axes.plot([along(row) for row in rows], heights, marker=marker, label=plot_text(name), **style)
    shown = plot_text(paper_name(metric))
    named = "steps (noise levels above 0)" if of_steps else "NFE (denoiser evaluations per image)"
    axes.set(xscale="log", xlabel=named, ylabel=shown)
    axes.set_title(plot_text(shortened(f"{group.subject}, {paper_name(metric)}", _TITLE)), fontsize=11)
    values = [row.metrics[metric] for rows in lines.values() for row in rows]
    above = [value for value in values if value > 0]
    wide = bool(above) and max(above) > 1e3 * min(above)
    if values and min(values) >= 0 and (len(above) == len(values) or wide):
        # An exact 0 has its place below all others.
        scale = {} if len(above) == len(values) else {"linthresh": min(above)}
        axes.set_yscale("symlog" if scale else "log", **scale)
        if not scale:
            axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 3, 5)))
        axes.yaxis.set_major_formatter(lambda value, position: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    ticks = sorted({along(row) for rows in lines.values() for row in rows})
    ticks = ticks[:: -(-len(ticks) // _TICKS) or 1]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
    if lines:
        more = f"and {len(lines) - _LINES} more, grey" if len(lines) > _LINES else None
        # To look for the best place among thousands of points would take as long as to draw.
        axes.legend(fontsize=8, title=more, loc="upper right" if more else "best")


def _plot_unnamed(axes: Any, lines: Sequence[list[Row]], metric: str, along: Callable[[Row], float]) -> None:
    """Lines that the legend has no room for, below the others: one line with gaps, as thousands take many seconds."""
    points: list[tuple[float, float]] = []
    for rows in lines:
        points += [(along(row), row.metrics[metric]) for row in sorted(rows, key=along)]
        points.append((math.nan, math.nan))
    if points:
        axes.plot(*zip(*points, strict=True), color="0.8", linewidth=0.8, marker=".", zorder=1)


def _can_be_drawn(value: float) -> bool:
    """Whether an axis can hold it beside others: no infinity, and nothing near the end of floating point."""
    return math.isfinite(value) and (value == 0 or 1e-100 < abs(value) < 1e100)


def _name(row: Row) -> str:
    columns = in_words(row.columns)
    return f"{row.sampler} {columns}" if columns else row.sampler
