"""The best of several rows: whether it can be told from the second best, and whether it is the best of many.

The best of many on the seeds that are reported is better there than on others, as chance chose it too: choose on other
seeds (``compare select=``).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bdia_edm.base.errors import UserError
from bdia_edm.report.group import Group, Row, Value
from bdia_edm.report.verdict import BETTER, comparisons_of

__all__ = ["best_of_many", "with_best"]


def with_best(rows: Sequence[Row]) -> list[Row]:
    """The rows, with what each is distinguishably best in among those of its NFE.

    Only of figures with an interval: where that of the paired difference between the best and the second excludes 0,
    and may be trusted.
    """
    best: dict[int, list[str]] = defaultdict(list)
    at_nfe: dict[float, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        at_nfe[row.nfe].append(index)
    for indices in at_nfe.values():
        # What has no interval from the baseline may have one from another.
        for metric in dict.fromkeys(name for index in indices for name in rows[index].metrics):
            sign = -1 if any(_is_higher_better(rows[index], metric) for index in indices) else 1
            ranked = sorted(
                (sign * rows[index].metrics[metric], index)
                for index in indices
                if math.isfinite(rows[index].metrics.get(metric, math.nan))
            )
            if len(ranked) > 1 and _differ(rows[ranked[0][1]], rows[ranked[1][1]], metric):
                best[ranked[0][1]].append(metric)
    return [replace(row, best=tuple(best.get(index, ()))) for index, row in enumerate(rows)]


def _is_higher_better(row: Row, metric: str) -> bool:
    return any(metric in run.record.get("higher_is_better", ()) for run in row.runs)


def _differ(best: Row, second: Row, metric: str) -> bool:
    if not _may_have_interval(best, metric) or not _may_have_interval(second, metric):
        return False
    try:
        comparison = comparisons_of(best.runs, second.runs).get(metric)
    except UserError:
        # The damage is told where the row is held against the baseline, or makes no interval.
        return False
    return comparison is not None and comparison.is_trusted and comparison.verdict == BETTER


def _may_have_interval(row: Row, metric: str) -> bool:
    """Without looking into files: whether the records say that something was kept."""
    return bool(row.runs) and all(
        run.folder is not None and metric in run.record.get("uncertainty", {metric: None}) for run in row.runs
    )


def best_of_many(group: Group) -> list[str]:
    """A line for each option of whose values the group has several, all else equal, with no choice on other seeds."""
    found: list[str] = []
    for name in group.columns if group.metrics else ():
        counts: dict[tuple[object, ...], set[Value]] = defaultdict(set)
        for row in group.rows:
            if not row.is_baseline and row.chosen is None and _is_number(row.columns.get(name)):
                others = tuple((each, row.columns.get(each)) for each in group.columns if each != name)
                counts[row.sampler, others, row.steps].add(row.columns[name])
        most = max(map(len, counts.values()), default=0)
        if most > 1:
            remedy = f"; compare select={name} chooses on others" if group.task == "sample" else ""
            of_many = f"The best {name} is the best of {most} on the {group.items} that are reported"
            found.append(f"{of_many}, and so looks better than it is{remedy}.")
    return found


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
