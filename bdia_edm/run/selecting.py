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
from bdia_edm.run.run import ModelRun, Run

__all__ = ["alike_but_for", "at_equal_nfe", "best_of", "first_metric", "read_option", "selection_of"]

_STEPS = "num_steps"


def read_option(option: object, task: str, num_blocks: int) -> str | None:
    """The option that a comparison's ``select`` names; None where it reports every point.

    Raises:
        UserError: it is no name, or a comparison of this task and of so many blocks of seeds can choose none.
    """
    if option is None:
        return None
    if not isinstance(option, str):
        raise _refused(option, "must be the name of one option of a sampler, as gamma, or null")
    if option == _STEPS:
        raise _refused(option, "figures compare at equal NFE alone, and every number of steps has its own")
    if task != "sample":
        raise _refused(option, f"must be null with task={task}, whose images have no blocks of seeds")
    if num_blocks < 2:
        raise _refused(
            option,
            "needs two blocks of seeds at least, as blocks=[0-2999,10000-12999]: the first chooses, the others report",
        )
    return option


def alike_but_for(option: str, runs: Sequence[ModelRun]) -> list[list[int]]:
    """The indices of the runs that differ in the option alone, together; those of two or more values.

    Args:
        option: a sampler's, as ``read_option`` has it.
        runs: of one block of seeds.

    Raises:
        UserError: there are none, its values are lists, or nothing is measured that could choose.
    """
    values = [run.config.sampler.options() for run in runs]
    found = _alike(option, runs, values)
    if not found:
        varied = {name for options in values for name in options}
        varying = sorted(name for name in varied - {_STEPS} if _can_be_chosen(name, values, _alike(name, runs, values)))
        there = f"{', '.join(varying)} can be chosen" if varying else "no option has several"
        there += did_you_mean(option, varying)
        raise _refused(option, f"no sampler of the grid has several values of it, all else equal; {there}")
    if not _can_be_chosen(option, values, found):
        raise _refused(option, "has lists of values; among numbers, texts, true and false alone can be chosen")
    if any(not isinstance(run, Run) or not run.metrics for run in runs):
        raise _refused(option, "chooses by the first metric, and nothing is measured; choose a detector and a metric")
    return found


def _can_be_chosen(option: str, values: Sequence[Mapping[str, Any]], alike: Sequence[Sequence[int]]) -> bool:
    """Whether there is a choice, of values that tables can show."""
    chosen = [values[index][option] for indices in alike for index in indices]
    return bool(chosen) and all(value is None or isinstance(value, str | float | int) for value in chosen)


def _alike(option: str, runs: Sequence[ModelRun], values: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    groups: dict[str, dict[str, int]] = {}
    for index, (run, options) in enumerate(zip(runs, values, strict=True)):
        if option in options:
            others = {name: value for name, value in options.items() if name != option}
            key = json.dumps([run.config.sampler.name, others], sort_keys=True, default=str)
            # The same value once more is no other.
            groups.setdefault(key, {}).setdefault(json.dumps(options[option], default=str), index)
    return [list(of_values.values()) for of_values in groups.values() if len(of_values) > 1]


def at_equal_nfe(option: str, alike: Sequence[Sequence[int]], records: Mapping[int, Record]) -> list[list[int]]:
    """The indices that are alike but for the option, those of each NFE by themselves; one alone is no choice.

    Args:
        alike: as of ``alike_but_for``.
        records: of these runs, by their indices.

    Raises:
        UserError: no two have the same NFE.
    """
    found: list[list[int]] = []
    for indices in alike:
        of_nfe: dict[float, list[int]] = {}
        for index in indices:
            of_nfe.setdefault(records[index]["nfe"], []).append(index)
        found += of_nfe.values()
    if all(len(indices) == 1 for indices in found):
        costs = ", ".join(f"{nfe:g}" for nfe in sorted({record["nfe"] for record in records.values()}))
        raise _refused(option, f"figures compare at equal NFE alone, and no two of its values have one (NFE {costs})")
    return found


def best_of(records: Sequence[Record]) -> int:
    """The index of the record that is best in the first of their metrics; of equal ones the first.

    Raises:
        UserError: the metric has a number in none of several.
    """
    if len(records) == 1:
        return 0
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
    option: str, runs: Sequence[Sequence[ModelRun]], alike: Sequence[Sequence[int]], choices: Sequence[int], metric: str
) -> Selection:
    """What is kept of a comparison's choices.

    Args:
        runs: of each block of seeds those of all points; the first block's chose.
        alike: indices of the points among which there was a choice, and of those that ran with them and had none, as
            of ``at_equal_nfe``.
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
                # Of one alone nothing was chosen that a row could say.
                "reporting": [of_block[indices[best]].folder.name for of_block in runs[1:] if len(indices) > 1],
            }
        )
    first = runs[0][0]
    assert isinstance(first, Run)
    return {"option": option, "metric": metric, "seeds": format_seeds(first.config.seeds), "choices": found}


def _refused(option: object, why: str) -> UserError:
    return UserError(f"{named('select')}={printable(str(option))}: {why}")
