"""One figure of runs against another, where a run can have the one at the price of the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from bdia_edm.base.whole_files import written_whole
from bdia_edm.records.record import Record
from bdia_edm.records.wording import in_words
from bdia_edm.report.escaping import plot_text
from bdia_edm.report.line_styles import style_of
from bdia_edm.report.names import paper_name

__all__ = ["Floor", "plot_tradeoff"]

Floor = tuple[str, str]
"""A figure's name and what a run that has it, and no more, is."""


def plot_tradeoff(
    records: Sequence[Record], path: Path, across: str, up: str, along: str, floor: Floor | None = None
) -> bool:
    """Draws a line for each sampler through its runs.

    Args:
        path: the PNG to write.
        across, up: the figures on the two axes.
        along: the column that differs along a line, and is told at its points.
        floor: of the figure across, drawn as a vertical line.

    Returns:
        Whether there was anything to draw: runs that have both figures.
    """
    from matplotlib.figure import Figure

    lines: dict[str, list[Record]] = {}
    for record in records:
        if all(math.isfinite(record["metrics"].get(name, math.nan)) for name in (across, up)):
            lines.setdefault(_name(record, along), []).append(record)
    if not lines:
        return False
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots()
    for number, (name, members) in enumerate(lines.items()):
        members.sort(key=lambda record: float(record["labels"]["columns"].get(along) or 0))
        x, y = ([record["metrics"][figure_name] for record in members] for figure_name in (across, up))
        (line,) = axes.plot(x, y, label=plot_text(name), **style_of(number))
        for record, place in zip(members, zip(x, y, strict=True), strict=True):
            told = f"{record['labels']['columns'].get(along, '')}"
            axes.annotate(told, place, (4, 4), textcoords="offset points", fontsize=7, color=line.get_color())
    floors = {record["metrics"].get(floor[0], math.nan) for record in records} if floor is not None else set()
    if floor is not None and len(floors) == 1 and math.isfinite(value := floors.pop()):
        axes.axvline(value, color="black", linewidth=0.8, linestyle=":", label=plot_text(floor[1]))
    axes.set(xlabel=plot_text(paper_name(across)), ylabel=plot_text(paper_name(up)))
    axes.set_title(plot_text(f"{records[0]['model']}: {records[0]['num_images']:,} images; at the points: {along}"))
    axes.grid(alpha=0.3)
    # Beside the axes: lines lie everywhere in them.
    figure.legend(fontsize=8, loc="outside lower center", ncols=2)
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=110)
    return True


def _name(record: Record, along: str) -> str:
    columns = {name: value for name, value in record["labels"]["columns"].items() if name != along}
    words = [record["labels"]["sampler"], in_words(columns), f"{record['sampler']['num_steps']} steps"]
    return ", ".join(word for word in words if word)
