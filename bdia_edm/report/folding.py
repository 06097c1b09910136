"""Runs that made the same images twice and measured them differently: one row, the one that knows most.

A run's folder is named after its metrics too, so the same sampler on the same seeds has another folder with another
figure. As two rows they would be two settings among which the best is chosen, and neither would be the best, as it ties
with itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

from bdia_edm.report.group import Row

__all__ = ["distinct", "folded"]

_SAME = 1e-6
"""How far a figure may be from the same images' other one, over its size: what another order of additions changes."""


def folded(rows: Sequence[Row]) -> list[Row]:
    """The rows without those whose figures all stand in another one of the same images.

    What has a figure of its own stays, and so does what has another figure of what should be the same: that is to be
    seen.

    Args:
        rows: of one group, in the table's order, which stays.
    """
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(_settings(row), []).append(row)
    kept = {place: row for same in alike.values() for place, row in _folded(same)}
    return [kept[id(row)] for row in rows if id(row) in kept]


def distinct(rows: Sequence[Row], metric: str) -> list[Row]:
    """The rows that have the figure, each of the same images and with the same one but once."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        if metric in row.metrics:
            same = alike.setdefault(_settings(row), [])
            if not any(_same(other.metrics[metric], row.metrics[metric]) for other in same):
                same.append(row)
    kept = {id(row) for same in alike.values() for row in same}
    return [row for row in rows if id(row) in kept]


def _folded(same: Sequence[Row]) -> list[tuple[int, Row]]:
    """Those that stay, with what they were by its id."""
    kept: list[tuple[int, Row]] = []
    # The first of equals, but what knows how sure it is before what does not.
    for row in sorted(same, key=lambda each: (-len(each.metrics), -len(each.standard_errors))):
        for number, (place, other) in enumerate(kept):
            if _holds(other, row):
                kept[number] = place, replace(other, copies=(*other.copies, row.runs))
                break
        else:
            kept.append((id(row), row))
    return kept


def _settings(row: Row) -> str:
    """What decides the row's images beside model, seeds and class, as a text: equal of runs that differ in metrics."""
    sampler = [(run.record["sampler"], run.record.get("iterations")) for run in row.runs[:1]]
    return json.dumps([row.sampler, row.columns, row.steps, row.nfe, sampler], sort_keys=True, default=str)


def _holds(one: Row, other: Row) -> bool:
    """Whether all figures of the other are the one's too."""
    return all(name in one.metrics and _same(one.metrics[name], value) for name, value in other.metrics.items())


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME) or (math.isnan(one) and math.isnan(other))
