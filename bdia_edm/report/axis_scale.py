"""The scale of an axis of figures: logarithmic where that is possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["can_be_drawn", "scale_axis"]


_NARROW = 3
"""Figures of a narrower range stand on a linear axis: a logarithmic one would have a single number."""


def can_be_drawn(value: float) -> bool:
    """Whether an axis can hold it beside others: no infinity, and nothing near the end of floating point."""
    return math.isfinite(value) and (value == 0 or 1e-100 < abs(value) < 1e100)


def scale_axis(axes: Any, which: str, values: Sequence[float], lowest: Sequence[float] = ()) -> None:
    """Gives the axis its scale and its ticks.

    Args:
        which: 'x' or 'y'.
        values: all that are drawn along it.
        lowest: where their bands begin, which may be below 0; on a logarithmic axis they are cut off at a third of the
            least value, as a band that reaches 0 has no end there.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    above = [value for value in values if value > 0]
    wide = bool(above) and max(above) > 1e3 * min(above)
    if not values or min(values) < 0 or not (len(above) == len(values) or wide) or max(values) < _NARROW * min(values):
        return
    # An exact 0 has its place below all others.
    scale = {} if len(above) == len(values) else {"linthresh": min(above)}
    getattr(axes, f"set_{which}scale")("symlog" if scale else "log", **scale)
    axis = getattr(axes, f"{which}axis")
    if not scale:
        axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 3, 5)))
        if any(low < min(above) for low in lowest):
            getattr(axes, f"set_{which}lim")(0.9 * max(min(lowest), min(above) / 3), None)
    axis.set_major_formatter(lambda value, position: f"{value:g}")
    axis.set_minor_locator(NullLocator())
