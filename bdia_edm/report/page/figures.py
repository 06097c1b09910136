"""Figures and their differences for people: texts, not yet escaped for any format."""

from __future__ import annotations

import math

from bdia_edm.report.page.answer import Pick
from bdia_edm.report.verdict import Comparison

__all__ = ["after", "figure", "gap", "interval", "mirrored", "percent", "relative"]


def figure(value: float | None, sign: str = "") -> str:
    """A figure for people: '−0.410', '3.2e-05', 'inf'; '' where there is none."""
    if value is None:
        return ""
    value += 0.0  # no minus before nothing
    if value == 0:
        return "0.000"
    if 0 < abs(value) < 5e-4:
        text = f"{value:{sign}.1e}"
    else:
        text = f"{value:{sign}.3f}" if abs(value) < 1e5 else f"{value:{sign}.3g}"
    return text.replace("-", "−", 1) if value < 0 else text


def gap(difference: float | None, comparison: Comparison | None) -> str:
    """A difference with its interval in a sentence: '−0.410 (95 % interval −0.520 to −0.300)'."""
    return interval(difference, comparison).replace("(", "(95 % interval ", 1 if comparison is not None else 0)


def interval(difference: float | None, comparison: Comparison | None) -> str:
    """A difference with its interval: '−0.410 (−0.520 to −0.300)'."""
    if comparison is not None:
        low, high = figure(comparison.low, "+"), figure(comparison.high, "+")
        return f"{figure(comparison.difference, '+')} ({low} to {high})"
    return "no finite difference" if difference is None else f"{figure(difference, '+')} (no interval)"


def mirrored(comparison: Comparison) -> Comparison:
    """The other's against this one; relative to which no longer stands in it."""
    return comparison._replace(
        difference=-comparison.difference, low=-comparison.high, high=-comparison.low, relative=math.nan
    )


def relative(pick: Pick) -> str:
    """A pick's difference over the baseline's figure: '−31 %'; '' where that is no number."""
    if pick.comparison is not None:
        return percent(pick.comparison.relative)
    return percent(pick.difference / abs(pick.baseline) if pick.difference is not None and pick.baseline else math.nan)


def percent(value: float) -> str:
    """A fraction: '−31 %'; '' where it is no number."""
    return f"{100 * value:+.0f} %".replace("-", "−") if math.isfinite(value) else ""


def after(text: str) -> str:
    """What comes after a comma, where there is something."""
    return f", {text}" if text else ""
