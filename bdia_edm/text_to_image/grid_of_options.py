"""The grid of a comparison on pipelines: a list of entries whose values are options, single or lists, all combined."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean

__all__ = ["points_of_grid"]


def points_of_grid(grid: object, leading: str, known: Sequence[str], example: str) -> list[dict[str, Any]]:
    """The options of every point of the grid, in its order.

    Args:
        leading: the option that every entry has: what is compared.
        known: the options that an entry may have.
        example: an entry.

    Raises:
        UserError: it is no list of entries of these options.
    """
    if not isinstance(grid, list) or not grid:
        raise UserError(f"grid={_shown(grid)}: must be a list of entries such as {example}")
    points: list[dict[str, Any]] = []
    for entry in grid:
        if not isinstance(entry, Mapping) or leading not in entry:
            raise UserError(f"grid: the entry {_shown(entry)} must name its {leading}, as in {example}")
        for name in entry:
            if name not in known:
                near = did_you_mean(str(name), known)
                raise UserError(f"grid: {_shown(name)}: no option of a {leading}; there are {', '.join(known)}{near}")
        values = [value if isinstance(value, list) else [value] for value in entry.values()]
        if any(isinstance(value, Mapping | list) for choice in values for value in choice) or not all(values):
            raise UserError(f"grid: the entry {_shown(entry)} must hold values or lists of values")
        points += [dict(zip(entry, choice, strict=True)) for choice in itertools.product(*values)]
    return points


def _shown(value: object) -> str:
    return "null" if value is None else printable(str(value))
