"""How far a figure may lie from its line: the half-width of its band, and what the band is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bdia_edm.report.axis_scale import can_be_drawn
from bdia_edm.report.rows import Row

__all__ = ["ERRORS", "band_words", "half_width"]

ERRORS = 1.96


def half_width(row: Row, metric: str, of_errors: bool) -> float:
    """Of the band around the row's figure; 0 where nothing is known of it.

    Args:
        of_errors: whether the panel's bands are of standard errors, or else of the deviation over blocks of seeds.
    """
    spread = row.spreads.get(metric)
    half = ERRORS * row.standard_errors.get(metric, 0.0) if of_errors else spread.deviation if spread else 0.0
    return half if can_be_drawn(half) else 0.0


def band_words(rows: Sequence[Row], metric: str) -> tuple[bool, str]:
    """Whether the bands of these rows are of standard errors, and what to say of them; '' where there are none.

    A standard error is of the figure itself over other seeds, in one block or the mean of several: that is what a
    reader asks of a line; two lines' difference on the same seeds is surer than their bands, as the verdicts say. The
    deviation over blocks, of figures whose standard error nobody knows, is that of a block.
    """
    if any(math.isfinite(row.standard_errors.get(metric, math.nan)) for row in rows):
        return True, f"±{ERRORS:g} standard errors over seeds, about 95 % (differences on the same seeds are surer)"
    blocks = any(metric in row.spreads for row in rows)
    return False, "± the deviation over the blocks of seeds" if blocks else ""
