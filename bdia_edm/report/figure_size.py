"""The size of a figure with panels below each other, and the room for names beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["figure_of", "legend_beside"]

_WIDTH, _HEIGHT = 9.0, 5.5
_LEFT, _RIGHT, _BOTTOM, _TOP, _BETWEEN = 0.95, 0.15, 0.85, 0.4, 1.25
_CHARACTER, _HANDLE = 0.062, 0.75
"""Inches: of a panel with its margins, of these, of a character of a name and of what stands before it."""


def figure_of(num: int, names_beside: Sequence[str] = (), note: str = "") -> tuple[Any, list[Any]]:
    """A Matplotlib figure with ``num`` panels, and their axes from the top.

    Args:
        names_beside: what has to have room at the right.
        note: in the corner at the bottom.
    """
    # Figure by itself, without pyplot, needs no display and leaves no global state.
    from matplotlib.figure import Figure

    beside = _HANDLE + _CHARACTER * min(max(map(len, names_beside)), 100) if names_beside else 0.0
    width, height = _WIDTH + beside, _HEIGHT * num
    figure = Figure(figsize=(width, height))
    # Margins in inches: to look for the least would take as long as to draw.
    right = 1 - (beside + _RIGHT) / width
    figure.subplots_adjust(left=_LEFT / width, right=right, bottom=_BOTTOM / height, top=1 - _TOP / height)
    figure.subplots_adjust(hspace=_BETWEEN / (_HEIGHT - _BETWEEN))
    if note:
        figure.text(0.98, 0.1 / height, note, ha="right", fontsize=8)
    return figure, list(figure.subplots(num, 1, squeeze=False)[:, 0])


def legend_beside(axes: Any, title: str | None = None) -> None:
    """The legend at the right of the axes, where it hides no line."""
    axes.legend(fontsize=8, title=title, loc="upper left", bbox_to_anchor=(1.005, 1), borderaxespad=0, handlelength=3.5)
