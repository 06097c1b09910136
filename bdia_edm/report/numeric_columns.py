"""The options of samplers that are numbers: what a figure can be drawn against, whatever they are called."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bdia_edm.report.rows import Row, Value, union

__all__ = ["Family", "families", "number_of", "numeric_columns"]


class Family(NamedTuple):
    """Rows that differ in one column of numbers and in their steps, and in nothing else.

    Attributes:
        column: that column.
        sampler: the rows'.
        others: their other columns, with their values.
        rows: those that have a number in the column.
    """

    column: str
    sampler: str
    others: dict[str, Value]
    rows: list[Row]

    def values(self, rows: Iterable[Row] | None = None) -> list[float]:
        """The numbers that occur, from the least."""
        return sorted({number_of(row, self.column) for row in (self.rows if rows is None else rows)})


def numeric_columns(rows: Sequence[Row]) -> list[str]:
    """The columns in which some rows have different numbers."""
    names = union(row.columns for row in rows)
    return [name for name in names if len({row.columns[name] for row in rows if _is_number(row, name)}) > 1]


def families(rows: Sequence[Row]) -> list[Family]:
    """Every family of rows that has more than one number in its column; column by column, in the rows' order.

    The baseline is in none: the others are held against it.
    """
    found: dict[tuple[object, ...], Family] = {}
    members = [row for row in rows if not row.is_baseline]
    for column in numeric_columns(members):
        for row in members:
            if _is_number(row, column):
                others: dict[str, Value] = {name: value for name, value in row.columns.items() if name != column}
                key = (column, row.sampler, *others.items())
                found.setdefault(key, Family(column, row.sampler, others, [])).rows.append(row)
    return [family for family in found.values() if len(family.values()) > 1]


def number_of(row: Row, column: str) -> float:
    """The row's number in a column that has one."""
    return float(row.columns[column] or 0)


def _is_number(row: Row, name: str) -> bool:
    value = row.columns.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
