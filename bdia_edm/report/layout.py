"""Which columns a table has, and in which order: conf/table.yaml, or the user's.

A name stands for one column or for a group of them. Those of `figures`, `differences` and `verdict` that stand next to
each other are told figure by figure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean

__all__ = ["COLUMNS", "OF_A_FIGURE", "Layout", "read_layout"]

COLUMNS = ("sampler", "options", "steps", "nfe", "figures", "differences", "verdict", "published", "speed")
OF_A_FIGURE = ("figures", "differences", "verdict")
_ALL = "all"


@dataclass(frozen=True)
class Layout:
    """A table's columns.

    Attributes:
        columns: names of columns and groups of columns, in order.
        metrics: the figures that are shown, in order; None: all.
        where: the file that says so, for messages.
    """

    columns: tuple[str, ...] = COLUMNS
    metrics: tuple[str, ...] | None = None
    where: str = "table"

    def shown(self, metrics: Collection[str]) -> tuple[str, ...]:
        """Of a group's figures those that are shown."""
        return tuple(metrics) if self.metrics is None else tuple(name for name in self.metrics if name in metrics)

    def check_metrics(self, known: Collection[str]) -> None:
        """Raises UserError at a figure that no record has."""
        for name in self.metrics or ():
            if name not in known:
                there = f"there are {', '.join(known)}" if known else "nothing was measured"
                raise UserError(
                    f"{self.where}: metrics: {printable(name)}: unknown; {there}{did_you_mean(name, [*known])}"
                )


def read_layout(values: Mapping[str, object], where: str) -> Layout:
    """The layout of a file's values.

    Args:
        where: what the file is called in messages.

    Raises:
        UserError: it is of another form, or names a column that is not known, or one twice.
    """
    for name in values:
        if name not in ("columns", "metrics"):
            raise UserError(f"{where}: {printable(str(name))}: unknown; there are columns and metrics")
    columns = _names(values.get("columns", list(COLUMNS)), f"{where}: columns", "")
    for name in columns:
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise UserError(
                f"{where}: columns: {printable(name)}: unknown; there are {known}{did_you_mean(name, COLUMNS)}"
            )
    metrics = values.get("metrics", _ALL)
    return Layout(columns, None if metrics == _ALL else _names(metrics, f"{where}: metrics", f"{_ALL} or "), where)


def _names(given: object, where: str, other: str) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or not given or not all(isinstance(each, str) for each in given):
        raise UserError(f"{where}: must be {other}a list of names")
    twice = [each for each in given if given.count(each) > 1]
    if twice:
        raise UserError(f"{where}: {printable(twice[0])} is named twice")
    return tuple(given)
