"""Which rows were chosen on other seeds, where one choice or several lie beside the tables.

Whoever chooses from a grid, then from a larger one, has two choices, and beside each other their two rows would have
the seeds that report choose between them. So of choices on the same seeds that with all values of the others replaces
them; where there is none such, none of their rows is said to be chosen on other seeds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from bdia_edm.report.group import Chosen, Group, Row
from bdia_edm.report.selection import Selection

__all__ = ["with_choices"]


class _Claim(NamedTuple):
    """Of a choice on a row of the group.

    Attributes:
        place: the row's, among the group's.
        values: all among which it was chosen.
    """

    place: int
    chosen: Chosen
    values: frozenset[object]

    def replaces(self, other: _Claim) -> bool:
        """Whether this choice was on the same seeds, among all values of the other and perhaps more."""
        return self.chosen.seeds == other.chosen.seeds and self.values >= other.values


def with_choices(group: Group, selections: Sequence[Selection]) -> Group:
    """The group with the rows marked whose option was chosen on other seeds, and how, below the table.

    The rows of choices that another has replaced are left out, which is said, unless values that nobody chose are there
    beside them too.
    """
    claims: dict[tuple[str, str], list[_Claim]] = {}
    for place, row in enumerate(group.rows):
        for claim in _claims(place, row, selections):
            claims.setdefault((claim.chosen.option, _all_but(row, claim.chosen.option)), []).append(claim)
    chosen: dict[int, Chosen] = {}
    left_out: dict[int, str] = {}
    rivals: dict[str, set[int]] = {}
    for (option, others), found in claims.items():
        best = [claim for claim in found if all(claim.replaces(other) for other in found)]
        places = {claim.place for claim in found}
        if len(places) == 1:
            # Whoever chose, and how often, it is the same row.
            best = [max(found, key=lambda claim: len(claim.values))]
        if len({claim.place for claim in best}) != 1:
            rivals.setdefault(option, set()).update(places)
            continue
        chosen[best[0].place] = best[0].chosen
        replaced = places - {best[0].place}
        if replaced and not any(
            place not in places and _all_but(row, option) == others for place, row in enumerate(group.rows)
        ):
            left_out |= dict.fromkeys(replaced, option)
    marked = [replace(row, chosen=chosen.get(place)) for place, row in enumerate(group.rows)]
    rows = tuple(row for place, row in enumerate(marked) if place not in left_out)
    kinds: dict[tuple[str, str, str], list[Chosen]] = {}
    for each in [row.chosen for row in rows if row.chosen is not None]:
        kinds.setdefault((each.option, each.seeds, each.metric), []).append(each)
    notes = [*map(_note, kinds.values()), *_replaced(left_out.values()), *map(_undecided, rivals.items())]
    return replace(group, rows=rows, notes=(*notes, *group.notes))


def _claims(place: int, row: Row, selections: Sequence[Selection]) -> list[_Claim]:
    """Of every choice whose runs are the row's, or measured the same images."""
    blocks = [{run.folder.name for run in runs if run.folder is not None} for runs in (row.runs, *row.copies)]
    whole = [names for names in blocks if names and len(names) == len(row.runs)]
    found = []
    for selection in selections:
        for choice in selection["choices"]:
            if any(names <= set(choice["reporting"]) for names in whole):
                how = selection["option"], choice["value"], len(choice["among"])
                values = frozenset(choice["among"])
                found.append(_Claim(place, Chosen(*how, selection["seeds"], selection["metric"]), values))
    return found


def _all_but(row: Row, option: str) -> str:
    """What a row is beside an option of its sampler, as a text: with its NFE, as none is chosen among unequal costs."""
    every = [(run.record["sampler"], run.record.get("iterations")) for run in row.runs[:1]]
    others = [({name: value for name, value in options.items() if name != option}, more) for options, more in every]
    columns = {name: value for name, value in row.columns.items() if name != option}
    return json.dumps([row.is_baseline, row.nfe, others, columns], sort_keys=True, default=str)


def _note(chosen: Sequence[Chosen]) -> str:
    first, numbers = chosen[0], sorted({each.among for each in chosen})
    count = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return (
        f"Where it is so marked, {first.option} was chosen among {count} values by {first.metric} on seeds "
        f"{first.seeds}; the seeds that are reported are others."
    )


def _replaced(options: Collection[str]) -> list[str]:
    if not options:
        return []
    rows = f"{len(options)} row{'' if len(options) == 1 else 's'}"
    return [f"Left out: {rows} of an earlier choice of {' and '.join(dict.fromkeys(options))} among fewer values."]


def _undecided(rivals: tuple[str, set[int]]) -> str:
    option, places = rivals
    return (
        f"{len(places)} rows are of several choices of {option}, none of them among all values of the others on the "
        "same seeds: beside each other they are the best of many."
    )
