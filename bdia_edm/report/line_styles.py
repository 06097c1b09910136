"""How the lines of a plot are told apart, in grey and by the colour-blind too.

The colours are Okabe and Ito's (Color Universal Design, 2008), which stay apart under every usual colour blindness;
without their yellow, which is too light for a line on white, and with their black kept for the baseline. In grey some
of them are alike, so a line has a marker and a dash pattern of its own as well: no two of the first 60 share both, and
lines that follow each other share neither.
"""

from __future__ import annotations

from typing import Any

__all__ = ["BASELINE", "COLOURS", "style_of"]

BASELINE = "#000000"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vP*Xph<>"
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))


def style_of(number: int, is_baseline: bool = False) -> dict[str, Any]:
    """What ``Axes.plot`` takes for the line ``number`` of a panel, from 0."""
    return {
        "color": BASELINE if is_baseline else COLOURS[number % len(COLOURS)],
        "linewidth": 2.2 if is_baseline else 1.3,
        "marker": _MARKERS[number % len(_MARKERS)],
        "linestyle": _DASHES[number % len(_DASHES)],
    }
