"""How sure a row's figures are over seeds, from what its records say of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bdia_edm.records.record import Record

__all__ = ["OF_FIGURE", "standard_errors_of"]

OF_FIGURE = "_se"
"""What the name of a figure ends in that is the standard error of another."""


def standard_errors_of(blocks: Sequence[Record]) -> dict[str, float]:
    """By name that of the mean over the blocks of every figure whose standard error all of them know.

    Blocks of other seeds are independent: k of them with the errors s_j have the mean's error sqrt(sum_j s_j²)/k. A
    distance's is under ``uncertainty`` in its record; another figure's is a figure itself, named after it.
    """
    found: dict[str, float] = {}
    for name in blocks[0]["metrics"]:
        errors = [_standard_error(block, name) for block in blocks]
        if all(map(math.isfinite, errors)):
            found[name] = math.hypot(*errors) / len(errors)
    return found


def _standard_error(record: Record, name: str) -> float:
    """Of one record's figure; NaN where nothing is known."""
    kept: Mapping[str, Any] = record.get("uncertainty", {}).get(name, {})
    return kept.get("standard_error", record["metrics"].get(f"{name}{OF_FIGURE}", math.nan))
