"""Plots of distance against the number of denoiser evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bdia_edm.base.whole_files import written_whole
from bdia_edm.report.tables import Group, Row

__all__ = ["plot_distances"]


def plot_distances(groups: Sequence[Group], path: Path) -> None:
    """One panel for each group, one line for each sampler, backward and gamma; both axes logarithmic."""
    # Figure by itself, without pyplot, needs no display and leaves no global state.
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(9, 5.5 * len(groups)), layout="constrained")
    for axes, group in zip(figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups, strict=True):
        lines: dict[tuple[str, str, float | None], list[Row]] = {}
        for row in group.rows:
            if row.distance is not None:
                lines.setdefault((row.sampler, row.backward, row.gamma), []).append(row)
        for number, ((sampler, backward, gamma), rows) in enumerate(lines.items()):
            rows.sort(key=lambda row: row.nfe)
            label = sampler if gamma is None else f"{sampler} {backward}, gamma {gamma:g}"
            style = {"color": "black", "linewidth": 2.2} if sampler == "edm" else {"linewidth": 1.2}
            marker = "osD^vP*Xph<>"[number % 12]
            axes.plot(
                [row.nfe for row in rows], [row.distance or 0 for row in rows], marker=marker, label=label, **style
            )
        axes.set(xscale="log", xlabel="NFE (denoiser evaluations per image)", ylabel=group.metric, title=group.title)
        if lines and all((row.distance or 0) > 0 for rows in lines.values() for row in rows):
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
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=110)
