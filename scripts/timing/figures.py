"""What was measured, as figures with their spread, in tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Figure", "Fit", "Section", "combined", "line_fit", "shown"]


@dataclass(frozen=True)
class Figure:
    """One figure, as often as it was measured.

    Attributes:
        name: what it is of, in its section's words.
        values: one a round.
        unit: of all of them.
    """

    name: str
    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        """What the table says."""
        return statistics.median(self.values)


def combined(name: str, unit: str, how: Callable[..., float], *values: Iterable[float]) -> Figure:
    """A figure of several measured ones, each round for itself: what a round has in common is no part of its spread."""
    return Figure(name, tuple(how(*each) for each in zip(*values, strict=True)), unit)


@dataclass
class Section:
    """The figures of a part.

    Attributes:
        part: its name on the command line.
        of: the model's name, or 'machine' for what no model has a part in.
        title: for the page.
        words: how it was measured.
        figures: in the table's order; no two have the same name.
        after: further markdown.
    """

    part: str
    of: str
    title: str
    words: str
    figures: list[Figure] = field(default_factory=list)
    after: str = ""

    def __getitem__(self, name: str) -> Figure:
        """The figure of this name; KeyError where there is none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(f"{self.part} of {self.of}: no figure {name!r}")

    def markdown(self) -> str:
        """The section as part of a page."""
        lines = [f"## {self.title}", "", self.words, ""]
        if self.figures:
            lines += ["| what | median | min to max | |", "| --- | ---: | ---: | --- |"]
            for figure in self.figures:
                spread = f"{shown(min(figure.values))} to {shown(max(figure.values))}" if len(figure.values) > 1 else ""
                lines.append(f"| {figure.name} | {shown(figure.median)} | {spread} | {figure.unit} |")
            lines.append("")
        if self.after:
            lines += [self.after, ""]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The section in values that JSON takes; what was not finite is null."""
        figures = [
            {
                "name": figure.name,
                "unit": figure.unit,
                "median": _finite(figure.median),
                "values": [_finite(value) for value in figure.values],
            }
            for figure in self.figures
        ]
        return {"part": self.part, "of": self.of, "title": self.title, "figures": figures}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def shown(value: float) -> str:
    """Three digits, and of thousands all."""
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


@dataclass(frozen=True)
class Fit:
    """A straight line through measured times.

    Attributes:
        fixed: seconds at nothing.
        slope: seconds for each.
        residual: the largest distance of a measured time from the line, as a share of the line.
    """

    fixed: float
    slope: float
    residual: float


def line_fit(x: Sequence[float], seconds: Sequence[float]) -> Fit:
    """The line of least squares of the relative distances, so that the shortest time counts as much as the longest."""
    places, times = np.asarray(x, np.float64), np.asarray(seconds, np.float64)
    columns = np.stack([np.ones_like(places), places], axis=1)
    (fixed, slope), *_ = np.linalg.lstsq(columns / times[:, None], np.ones_like(times), rcond=None)
    line = fixed + slope * places
    return Fit(float(fixed), float(slope), float(np.abs(times / line - 1).max()))
