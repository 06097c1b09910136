"""The columns of a group's table, as a layout wants them: their names, and of every row the cell, all unescaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from bdia_edm.report.group import Group, Row, Value
from bdia_edm.report.layout import OF_A_FIGURE, Layout
from bdia_edm.report.verdict import Comparison

__all__ = ["Cell", "Column", "columns_of", "of_layout"]


class Cell(NamedTuple):
    """A cell's text; '' where there is nothing.

    Attributes:
        is_best: whether it is to stand out, as the best that can be told from the second.
    """

    text: str
    is_best: bool = False


class Column(NamedTuple):
    """One column.

    Attributes:
        is_text: whether it is one of words; numbers are aligned at their ends.
        cell: a row's.
    """

    name: str
    is_text: bool
    cell: Callable[[Row], Cell]


def of_layout(groups: Sequence[Group], layout: Layout) -> list[Group]:
    """The groups with the figures alone that the layout shows, in its order."""
    return [replace(group, metrics=layout.shown(group.metrics)) for group in groups]


def columns_of(group: Group, metric_name: Callable[[str], str], layout: Layout) -> list[Column]:
    """The group's columns in the layout's order.

    Args:
        group: as ``of_layout`` has it.
        metric_name: what a figure is called.
    """
    found: list[Column] = []
    for of_a_figure, names in groupby(layout.columns, OF_A_FIGURE.__contains__):
        if of_a_figure:
            found += _of_figures(group, metric_name, tuple(names))
        else:
            for name in names:
                found += _of_rows(group, metric_name, name)
    return found


def _of_rows(group: Group, metric_name: Callable[[str], str], name: str) -> Iterator[Column]:
    if name == "sampler":
        yield Column("sampler", True, lambda row: Cell(_sampler(row)))
    elif name == "options":
        for each in group.columns:
            texts = any(isinstance(row.columns.get(each), str) for row in group.rows)
            yield Column(each, texts, lambda row, each=each: Cell(_option(row, each)))  # type: ignore[misc]
    elif name == "steps":
        yield Column("steps", False, lambda row: Cell(str(row.steps)))
    elif name == "nfe":
        yield Column("NFE", False, lambda row: Cell(f"{row.nfe:g}"))
    elif name == "published" and group.published_metric in group.metrics:
        yield Column(
            f"published {metric_name(group.published_metric)}", False, lambda row: Cell(_figure(row.published))
        )
        yield Column("less published", False, lambda row: Cell(_figure(row.beyond_published, "+")))
        if any(row.reproduced for row in group.rows):
            yield Column("reproduced", True, lambda row: Cell(row.reproduced))
    elif name == "speed":
        yield Column("images/s", False, lambda row: Cell(_speed(row.images_per_second)))


def _of_figures(group: Group, metric_name: Callable[[str], str], wanted: Sequence[str]) -> Iterator[Column]:
    """Figure by figure, in the order wanted; one verdict of several encoders stands after all of them.

    What is no encoder's distance has a verdict of its own all the same.
    """
    several, compared = len(group.seeds) > 1, group.compared
    judged = group.judged
    encoders = set(group.encoders.values())
    # Of figures that are not shown too.
    several_encoders = any(len(encoders & set(row.comparisons)) > 1 for row in group.rows)
    together = encoders & set(group.metrics) if several_encoders else set()
    for metric in group.metrics:
        name = metric_name(metric)
        which = "" if len(group.metrics) == 1 else f"{name} "
        for each in wanted:
            if each == "figures":
                yield Column(f"{name} mean" if several else name, False, _figure_cell(metric))
                if several:
                    yield Column(f"{name} min", False, _spread_cell(metric, 0))
                    yield Column(f"{name} std", False, _spread_cell(metric, 1))
            elif not group.baseline or metric not in compared:
                continue
            elif each == "differences":
                yield Column(f"{which}vs {group.baseline} at this NFE", False, _difference_cell(metric))
            elif metric in judged and metric not in together:
                yield Column(f"{which}verdict", True, _verdict_cell(metric))
    if together and "verdict" in wanted:
        yield Column("verdict", True, lambda row: Cell(row.verdict))


def _figure_cell(metric: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(_figure(row.metrics.get(metric)), metric in row.best)


def _spread_cell(metric: str, index: int) -> Callable[[Row], Cell]:
    return lambda row: Cell(_figure(row.spreads.get(metric, (None, None))[index]))


def _difference_cell(metric: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        comparison = row.comparisons.get(metric)
        return Cell(_figure(row.differences.get(metric), "+") if comparison is None else _interval(comparison))

    return cell


def _verdict_cell(metric: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(row.comparisons[metric].verdict if metric in row.comparisons else "")


def _interval(comparison: Comparison) -> str:
    return f"{_figure(comparison.difference, '+')} ± {_figure(comparison.half_width)}"


def _sampler(row: Row) -> str:
    chosen = row.chosen
    if chosen is None or chosen.option in row.columns:
        return row.sampler
    return f"{row.sampler} ({chosen.option} chosen of {chosen.among})"


def _option(row: Row, name: str) -> str:
    shown = _shown(row.columns.get(name))
    chosen = row.chosen
    return shown if chosen is None or chosen.option != name else f"{shown} (chosen of {chosen.among})"


def _figure(value: float | None, sign: str = "") -> str:
    if value is None:
        return ""
    if 0 < abs(value) < 5e-4:
        return f"{value:{sign}.1e}"
    return f"{value:{sign}.3f}" if abs(value) < 1e9 else f"{value:{sign}.4g}"


def _shown(value: Value) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | bool) else f"{value:g}"


def _speed(speed: float) -> str:
    return f"{speed:.3g}" if speed < 100 else f"{speed:.0f}"
