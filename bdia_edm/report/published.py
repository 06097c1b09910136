"""Figures of others beside ours, and whether ours is the same: those of a model's card, and of an experiment.

A card's `published` says what its figure is of, beside the words for people:

    of: {path: URL, reference: URL}                      the network and the data's statistics, by the card's options
    options: {name: edm, num_steps: 18}                  the sampler, and every option that is not its default
    nfe: 35
    blocks: [0-49999, 50000-99999, 100000-149999]        of seeds; the figure is the least of theirs

A run with another network or other statistics under the card's name (``model.path=FILE``) is held against nothing.

Ours is the least of the same blocks. The network is the same, so that there is nothing of a retraining's spread: what
was published is rounded to 0.01, and our block's figure has its own 95 % interval over seeds. A wide one would hold
figures that nobody takes for the same; beyond rounding nothing is said then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeGuard

from scipy.special import ndtri, stdtrit

from bdia_edm.metrics.jackknife import NUM_GROUPS
from bdia_edm.records.record import Record
from bdia_edm.report.group import Group, Row

__all__ = ["REPRODUCED", "TOO_WIDE", "Published", "with_card", "with_published"]

REPRODUCED = "reproduced"
TOO_WIDE = "interval too wide to tell"
_ROUNDING = 0.01
_WIDEST = 0.02
_UPPER = 0.975
_QUANTILES = {"influence": float(ndtri(_UPPER)), "jackknife": float(stdtrit(NUM_GROUPS - 1, _UPPER))}


class Published(NamedTuple):
    """Figures of others that rows can be held against.

    Attributes:
        metric: the figure's name in records.
        source: where they were published.
        figures: by a record's command.
        num_images: that each of them is of: of fewer, distances are larger.
    """

    metric: str
    source: str
    figures: Mapping[str, float]
    num_images: int


class _OfCard(NamedTuple):
    """What a card's published figure is of; ``of`` is the network and the statistics, by the card's options."""

    metric: str
    figure: float
    of: Mapping[str, Any]
    options: Mapping[str, Any]
    nfe: float
    blocks: tuple[str, ...]


def with_published(groups: Sequence[Group], published: Published) -> list[Group]:
    """The groups with the figures of others beside the rows that they were published for, before those of cards.

    Differences from them are those of as many images alone.
    """
    found = []
    for group in groups:
        known = {row.command: published.figures[row.command] for row in group.rows if row.command in published.figures}
        if known:
            # Of another figure no two have one column.
            kept = group.published_metric == published.metric
            plain = tuple(row if kept else _without(row) for row in group.rows)
            as_many = group.num_images == published.num_images
            rows = tuple(_beside(row, known.get(row.command), published.metric, as_many) for row in plain)
            notes = [*group.notes, f"Published {published.metric}: {published.source}."]
            if not as_many:
                notes.append(
                    f"No difference from the published {published.metric}: published for {published.num_images:,} "
                    f"images; these have {group.num_images:,}."
                )
            group = replace(group, rows=rows, notes=tuple(notes), published_metric=published.metric)
        found.append(group)
    return found


def _without(row: Row) -> Row:
    return replace(row, published=None, beyond_published=None, reproduced="")


def _beside(row: Row, figure: float | None, metric: str, as_many: bool) -> Row:
    if figure is None:
        return row
    ours = row.metrics.get(metric) if as_many else None
    return replace(_without(row), published=figure, beyond_published=None if ours is None else ours - figure)


def with_card(group: Group) -> Group:
    """The group with its model's published figure beside the rows that it was published for."""
    if not group.rows or group.task != "sample" or group.class_idx is not None or group.is_choice:
        return group
    rows, told = [], None
    for row in group.rows:
        records = [run.record for run in row.runs]
        card = _of_card(records[0], group.metrics) if records else None
        if card is not None and all(_fits(card, record) for record in records):
            row, told = _held_against(row, records, card), card
        rows.append(row)
    if told is None:
        return group
    note = (
        f"The published {told.metric} is of seeds {'; '.join(told.blocks)}"
        f"{', the least of these' if len(told.blocks) > 1 else ''}. {REPRODUCED.capitalize()}: ours of the same is as "
        f"near as {_ROUNDING:g} for rounding and half of our 95 % interval; of more than {100 * _WIDEST:g} % of the "
        "published figure that half is too wide to tell."
    )
    return replace(group, rows=tuple(rows), notes=(*group.notes, note), published_metric=told.metric)


def _of_card(record: Record, metrics: Sequence[str]) -> _OfCard | None:
    """What the record's card says of the first of the metrics that it has a figure of; None where that is not all."""
    model = record.get("config", {}).get("model")
    said = model.get("published") if isinstance(model, dict) else None
    if not isinstance(said, dict):
        return None
    of, options, nfe, blocks = (said.get(name) for name in ("of", "options", "nfe", "blocks"))
    metric = next((name for name in metrics if _is_number(said.get(name))), None)
    if metric is None or not isinstance(of, dict) or not {"path", "reference"} <= of.keys():
        return None
    if not isinstance(options, dict) or not _is_number(nfe) or not isinstance(blocks, list):
        return None
    return _OfCard(metric, said[metric], of, options, nfe, tuple(map(str, blocks))) if blocks else None


def _is_number(value: object) -> TypeGuard[float]:
    # A file may hold whole numbers that no float is as large as.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _fits(card: _OfCard, record: Record) -> bool:
    """Whether the record is of the published network, statistics and sampler.

    Of the sampler every option that is said is equal, all others the default.
    """
    if not _is_of_the_same(card, record):
        return False
    sampler, labels = record["sampler"], record["labels"]
    if record["nfe"] != card.nfe or any(name not in sampler for name in card.options):
        return False
    # A label tells what is not its default.
    told = {part.partition("=")[0] for part in labels["sampler"].split(" ")[1:]} | set(labels["columns"])
    return told <= set(card.options) and all(sampler[name] == value for name, value in card.options.items())  # type: ignore[literal-required]


def _is_of_the_same(card: _OfCard, record: Record) -> bool:
    """Whether the record's network and statistics are those of the figure."""
    model = record.get("config", {}).get("model")
    if not isinstance(model, dict) or any(model.get(name) != value for name, value in card.of.items()):
        return False
    # A detector's own statistics may go before the card's ``reference``.
    others = model.get("references")
    detectors = [name for name, figure in record.get("distances", {}).items() if figure == card.metric]
    return not isinstance(others, dict) or not others.keys() & {*(detectors or [record.get("detector", "")])}


def _held_against(row: Row, records: Sequence[Record], card: _OfCard) -> Row:
    same = {record["seeds"]: record for record in records if record["seeds"] in card.blocks}
    of_figure = [record for record in same.values() if card.metric in record["metrics"]]
    if len(of_figure) < len(card.blocks):
        count = f"{len(of_figure)} of {len(card.blocks)} blocks"
        return replace(row, published=card.figure, reproduced=count if card.metric in row.metrics else "")
    least = min(of_figure, key=lambda record: record["metrics"][card.metric])
    beyond = least["metrics"][card.metric] - card.figure
    verdict = _verdict(beyond, card.figure, least, card.metric)
    return replace(row, published=card.figure, beyond_published=beyond, reproduced=verdict)


def _verdict(beyond: float, published: float, least: Record, metric: str) -> str:
    """Whether the difference is one of rounding and of our seeds."""
    uncertainty = least.get("uncertainty", {}).get(metric)
    quantile = None if uncertainty is None else _QUANTILES.get(uncertainty["method"])
    half = None if uncertainty is None or quantile is None else quantile * uncertainty["standard_error"]
    # What was published has two digits, and so has no binary form: 1.80 - 1.79 is a little more than 0.01.
    rounding = _ROUNDING + 1e-9
    if abs(beyond) <= rounding:
        return REPRODUCED
    if half is None and math.isfinite(beyond):
        return "no interval"
    if half is None or not abs(beyond) <= rounding + half:
        return f"not {REPRODUCED} ({beyond:+.3f})"
    return REPRODUCED if half <= _WIDEST * abs(published) else TOO_WIDE
