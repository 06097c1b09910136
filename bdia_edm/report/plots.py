"""Plots of metrics against the number of denoiser evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bdia_edm.base.whole_files import written_whole
from bdia_edm.report.tables import Group, Row, in_words

__all__ = ["plot_metrics"]


def plot_metrics(groups: Sequence[Group], path: Path) -> None:
    """A panel for each group and metric, in it a line for each sampler; both axes logarithmic where that is possible.

    A sampler with other options, in its name or in columns of their own, has another line.
    """
    # Figure by itself, without pyplot, needs no display and leaves no global state.
    from matplotlib.figure import Figure

    panels = [(group, metric) for group in groups for metric in group.metrics or ("nothing measured",)]
    figure = Figure(figsize=(9, 5.5 * len(panels)), layout="constrained")
    for axes, (group, metric) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        _plot(axes, group, metric)
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=110)


def _plot(axes: Any, group: Group, metric: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    lines: dict[str, list[Row]] = {}
    for row in group.rows:
        if metric in row.metrics:
            lines.setdefault(_name(row), []).append(row)
    for number, (name, rows) in enumerate(lines.items()):
        rows.sort(key=lambda row: row.nfe)
        style = {"color": "black", "linewidth": 2.2} if rows[0].is_baseline else {"linewidth": 1.2}
        marker = "osD^vP*Xph<>"[number % 12]
        axes.plot([row.nfe for row in rows], [row.metrics[metric] for row in rows], marker=marker, label=name, **style)
    subject = f"{group.subject}, {metric}"
    axes.set(xscale="log", xlabel="NFE (denoiser evaluations per image)", ylabel=metric, title=subject)
    if lines and all(row.metrics[metric] > 0 for rows in lines.values() for row in rows):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter(lambda value, position: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    ticks = sorted({row.nfe for row in group.rows})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
    if lines:
        axes.legend(fontsize=8)


def _name(row: Row) -> str:
    columns = in_words(row.columns)
    return f"{row.sampler} {columns}" if columns else row.sampler
