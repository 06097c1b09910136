"""Which runs of a comparison differ in one option of their sampler alone, and which of them is the best.

The best of a grid on the seeds that are reported is better there than on others. So a comparison chooses on a block of
seeds of its own (``select=``), and runs the chosen ones alone on those that it reports.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.option_names import named
from bdia_edm.engine.plan import format_seeds
from bdia_edm.records.record import Record
from bdia_edm.report.selection import Choice, Selection
from bdia_edm.run.run import AnyRun, Run

__all__ = ["alike_but_for", "best_of", "check_selection", "first_metric", "selection_of"]


def check_selection(option: object, task: str, num_blocks: int) -> None:
    """Raises UserError where a comparison of this task and of so many blocks of seeds can choose no option."""
    if task != "sample":
        raise _refused(option, f"must be null with task={task}, whose images have no blocks of seeds")
    if num_blocks < 2:
        raise _refused(
            option,
            "needs two blocks of seeds at least, as blocks=[0-2999,10000-12999]: the first chooses, the others report",
        )


def alike_but_for(option: object, runs: Sequence[AnyRun]) -> list[list[int]]:
    """The indices of the runs that differ in the option alone, together; those of two or more values.

    Args:
        option: a sampler's, as the user wrote it: 'gamma'.
        runs: of one block of seeds.

    Raises:
        UserError: there are none, or nothing is measured that could choose.
    """
    values = [run.config.sampler.options() for run in runs]
    found = _alike(option, runs, values)
    if not found:
        varied = {name for options in values for name in options}
        varying = sorted(name for name in varied if _alike(name, runs, values))
        there = f"{', '.join(varying)} can be chosen" if varying else "no option has several"
        there += did_you_mean(option, varying)
        raise _refused(option, f"no sampler of the grid has several values of it, all else equal; {there}")
    if any(not isinstance(run, Run) or not run.metrics for run in runs):
        raise _refused(option, "chooses by the first metric, and nothing is measured; choose a detector and a metric")
    return found


def _alike(option: object, runs: Sequence[AnyRun], values: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    groups: dict[str, dict[str, int]] = {}
    for index, (run, options) in enumerate(zip(runs, values, strict=True)):
        if option in options:
            others = {name: value for name, value in options.items() if name != option}
            key = json.dumps([run.config.sampler.name, others], sort_keys=True, default=str)
            # The same value once more is no other.
            groups.setdefault(key, {}).setdefault(json.dumps(options[str(option)], default=str), index)
    return [list(of_values.values()) for of_values in groups.values() if len(of_values) > 1]


def best_of(records: Sequence[Record]) -> int:
    """The index of the record that is best in the first of their metrics; of equal ones the first.

    Raises:
        UserError: the metric has a number in none of them.
    """
    metric = first_metric(records[0])
    sign = -1 if metric in records[0].get("higher_is_better", ()) else 1
    figures = [sign * record["metrics"].get(metric, math.nan) for record in records]
    finite = [index for index, figure in enumerate(figures) if math.isfinite(figure)]
    if not finite:
        raise UserError(
            f"select: {metric or 'a metric'} is finite in none of {len(records)} runs among which it chooses"
        )
    return min(finite, key=figures.__getitem__)


def first_metric(record: Record) -> str:
    """The name of the figure that chooses; '' where there is none."""
    return next(iter(record["metrics"]), "")


def selection_of(
    option: str, runs: Sequence[Sequence[AnyRun]], alike: Sequence[Sequence[int]], choices: Sequence[int], metric: str
) -> Selection:
    """What is kept of a comparison's choices.

    Args:
        runs: of each block of seeds those of all points; the first block's chose.
        alike: indices of the points among which there was a choice, as of ``alike_but_for``.
        choices: of each of these the chosen one's place.
        metric: the figure that chose.
    """
    found: list[Choice] = []
    for indices, best in zip(alike, choices, strict=True):
        values = [runs[0][index].config.sampler.options()[option] for index in indices]
        found.append(
            {
                "value": values[best],
                "among": values,
                "choosing": [runs[0][index].folder.name for index in indices],
                "reporting": [of_block[indices[best]].folder.name for of_block in runs[1:]],
            }
        )
    first = runs[0][0]
    assert isinstance(first, Run)
    return {"option": option, "metric": metric, "seeds": format_seeds(first.config.seeds), "choices": found}


def _refused(option: object, why: str) -> UserError:
    return UserError(f"{named('select')}={printable(str(option))}: {why}")
