"""Runs as labelled dots, one below the other: where each is alone, and no line leads from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bdia_edm.report.axis_scale import scale_axis
from bdia_edm.report.bands import band_words, half_width
from bdia_edm.report.escaping import plot_text
from bdia_edm.report.line_styles import BASELINE, COLOURS
from bdia_edm.report.rows import Row

__all__ = ["draw_dots"]


def draw_dots(axes: Any, rows: Mapping[str, Row], metric: str, shown: str, left_out: int = 0) -> None:
    """Draws the rows from the top, the baseline's black and squares, their names at the right.

    A single baseline has a vertical line too.

    Args:
        rows: by name.
        shown: what the figure is called.
        left_out: how many more there are in the table.
    """
    of_errors, words = band_words([*rows.values()], metric)
    values = [row.metrics[metric] for row in rows.values()]
    halves = [half_width(row, metric, of_errors) for row in rows.values()]
    for place, (row, half) in enumerate(zip(rows.values(), halves, strict=True)):
        look = {"color": BASELINE, "marker": "s"} if row.is_baseline else {"color": COLOURS[0], "marker": "o"}
        axes.errorbar(row.metrics[metric], place, xerr=half or None, linestyle="none", capsize=2, **look)
    baselines = {row.metrics[metric] for row in rows.values() if row.is_baseline}
    if len(baselines) == 1:
        axes.axvline(baselines.pop(), color=BASELINE, linewidth=0.8, linestyle="--", zorder=1)
    axes.yaxis.tick_right()
    axes.set_yticks(range(len(rows)), [plot_text(name[:100]) for name in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    notes = [f"bars: {words}"] if words and any(halves) else []
    notes += [f"{left_out} more are in the table"] if left_out else []
    axes.set_xlabel("\n".join([shown, "; ".join(notes)]).rstrip())
    scale_axis(axes, "x", values, [value - half for value, half in zip(values, halves, strict=True)])
