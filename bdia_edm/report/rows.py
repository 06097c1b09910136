"""Records as rows, in groups of those that may be compared.

No sampler and no metric is known here by name: a record says how its sampler is called, which of its options deserve
columns, and whether it is the baseline that the others are compared with.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from bdia_edm.base.errors import UserError
from bdia_edm.records.record import Record
from bdia_edm.records.wording import shortened
from bdia_edm.report.notes import codes_of, notes_on
from bdia_edm.report.series import family_of, series_of
from bdia_edm.report.verdict import Comparison, Run, comparisons_of, explained

__all__ = ["Group", "Published", "Row", "Spread", "Value", "group_records", "union", "with_published"]

Value = str | float | bool | None
_HOW_SURE = ("_se", "_deviation")
"""What a figure's name ends in that is the standard error of another, or the deviation of its parts."""


class Spread(NamedTuple):
    """Of a figure over several blocks of seeds.

    Attributes:
        minimum: the least.
        deviation: their standard deviation, of n - 1.
    """

    minimum: float
    deviation: float


class Published(NamedTuple):
    """Figures of others that rows can be held against.

    Attributes:
        metric: the figure's name in records.
        source: where they were published.
        figures: by a record's command.
    """

    metric: str
    source: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One record in a table, or several of the same run on other seeds.

    Attributes:
        sampler: its name, with what distinguishes it beside the columns.
        columns: its options that have columns of their own.
        metrics: every figure that was measured; of several blocks of seeds the mean.
        spreads: of every figure of several blocks; none of a single one.
        differences: of every figure from the baseline's at the same NFE; without those that have none.
        comparisons: of these the ones with an interval.
        runs: the records that the row is of, block by block, and their folders.
        images_per_second: of several blocks the mean.
        command: what made it; of several blocks the first's.
        code: the beginning of its code's checksum; '' where it is unknown, or not the same for all blocks.
        published: what others published for the same, of the group's ``published_metric``.
    """

    sampler: str
    columns: Mapping[str, Value]
    is_baseline: bool
    steps: int
    nfe: float
    metrics: Mapping[str, float]
    spreads: Mapping[str, Spread]
    differences: Mapping[str, float]
    images_per_second: float
    command: str
    code: str = ""
    published: float | None = None
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Group:
    """Rows that may be compared: the same task, model, seeds or images, class, device, detector and reference.

    Attributes:
        seeds: of each block.
        num_images: of each block.
        columns: names of the samplers' own columns.
        metrics: names of the figures.
        baseline: title of the sampler that the others are compared with; '' where there is none.
        notes: lines for below the table: published figures that one of these can be held against, with their sources,
            how many images of the data some were compared with, what the intervals are, and that the rows come from
            different code.
        published_metric: the figure that rows have published values of; '' where none has.
        task: the command that made them, 'sample', 'invert' or 'edit'; of the latter two the seeds are
            their images' numbers.
    """

    model: str
    seeds: tuple[str, ...]
    num_images: int
    class_idx: int | None
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    baseline: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    published_metric: str = ""
    task: str = "sample"

    @property
    def subject(self) -> str:
        """What the rows share, in words."""
        one_class = "" if self.class_idx is None else f", class {self.class_idx}"
        blocks = "" if len(self.seeds) == 1 else f"{len(self.seeds)} times "
        what = "seeds" if self.task == "sample" else "numbers"
        return (
            f"{self.model}: {blocks}{self.num_images:,} images ({what} {shortened('; '.join(self.seeds))}{one_class})"
        )

    @property
    def compared(self) -> tuple[str, ...]:
        """The metrics of which one is better than another: without those that say how sure another one is."""
        sure = {f"{name}{each}" for name in self.metrics for each in _HOW_SURE}
        return tuple(name for name in self.metrics if name not in sure)

    @property
    def title(self) -> str:
        """The subject and what was measured."""
        return f"{self.subject}, {', '.join(self.compared) or 'nothing measured'}"


def group_records(records: Sequence[Record], folders: Sequence[Path] = ()) -> list[Group]:
    """Records grouped; in each group the baseline first, then by the sampler's name, its columns and the steps.

    Records of one series, of as many images each on seeds that do not overlap, are one row. Where another run is there
    for one of its blocks alone, that block is a row beside it too.

    Args:
        folders: of each record its run's, where what intervals are computed from is kept; without them there are none.
    """
    families: dict[tuple[object, ...], list[list[Run]]] = {}
    runs = [Run(*each) for each in zip(records, folders or repeat(None, len(records)), strict=True)]
    for blocks in series_of(runs):
        families.setdefault(family_of(blocks[0].record), []).append(blocks)
    groups: dict[tuple[object, ...], list[list[Run]]] = {}
    for family, found in families.items():
        alone = {blocks[0].record["seeds"] for blocks in found if len(blocks) == 1}
        for blocks in found:
            beside = [[run] for run in blocks if run.record["seeds"] in alone] if len(blocks) > 1 else []
            for row in [blocks, *beside]:
                groups.setdefault((family, tuple(run.record["seeds"] for run in row)), []).append(row)
    return [_group(rows) for rows in groups.values()]


def with_published(groups: Sequence[Group], published: Published) -> list[Group]:
    """The groups with the figures of others beside the rows that they were published for."""
    found = []
    for group in groups:
        rows = tuple(replace(row, published=published.figures.get(row.command)) for row in group.rows)
        if any(row.published is not None for row in rows):
            note = f"Published {published.metric}: {published.source}."
            group = replace(group, rows=rows, notes=(*group.notes, note), published_metric=published.metric)
        found.append(group)
    return found


def _group(members: list[list[Run]]) -> Group:
    records = [run.record for blocks in members for run in blocks]
    first = records[0]
    columns = union(record["labels"]["columns"] for record in records)
    metrics = union(record["metrics"] for record in records)
    found = [(replace(_row([run.record for run in blocks]), runs=tuple(blocks)), blocks) for blocks in members]
    baselines = [record for record in records if record["labels"]["is_baseline"]]
    at_nfe = {row.nfe: (row, blocks) for row, blocks in found if row.is_baseline}
    rows: list[Row] = []
    damages: dict[str, None] = {}
    for row, blocks in found:
        if row.is_baseline or row.nfe not in at_nfe:
            rows.append(row)
            continue
        baseline, its_blocks = at_nfe[row.nfe]
        try:
            comparisons = comparisons_of(blocks, its_blocks)
        except UserError as damage:
            comparisons = {}
            damages[str(damage)] = None
        rows.append(replace(row, differences=_differences(row.metrics, baseline.metrics), comparisons=comparisons))
    rows.sort(key=lambda row: _place(row, columns))
    return Group(
        model=first["model"],
        seeds=tuple(run.record["seeds"] for run in members[0]),
        num_images=first["num_images"],
        class_idx=first["class_idx"],
        columns=columns,
        metrics=metrics,
        baseline=baselines[0]["labels"]["title"] if baselines else "",
        rows=tuple(rows),
        notes=(
            *notes_on(first, metrics),
            *explained(row.comparisons for row in rows),
            *_without_interval(rows),
            *dict.fromkeys(damages),
            *codes_of(records),
        ),
        task=first.get("task", "sample"),
    )


def union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names, in the order in which they come first."""
    return tuple(dict.fromkeys(name for some in names for name in some))


def _without_interval(rows: Sequence[Row]) -> list[str]:
    """A line where some differences have no interval beside others that have one."""
    judged = union(row.comparisons for row in rows)
    lacking = sum(any(name in row.differences and name not in row.comparisons for name in judged) for row in rows)
    if not lacking:
        return []
    return [
        f"{lacking} of the differences have no interval: that run or the baseline's keeps none (uncertainty.npz), as "
        "of earlier versions or beside another record; without its folder it is made again."
    ]


def _row(blocks: list[Record]) -> Row:
    first, labels = blocks[0], blocks[0]["labels"]
    # A figure that not every block has is none of the row's.
    figures = {
        name: [block["metrics"][name] for block in blocks]
        for name in first["metrics"]
        if all(name in block["metrics"] for block in blocks)
    }
    codes = {block.get("code", {}).get("source", "")[:12] for block in blocks}
    return Row(
        sampler=labels["sampler"],
        columns=labels["columns"],
        is_baseline=labels["is_baseline"],
        steps=first["sampler"]["num_steps"],
        nfe=_mean([block["nfe"] for block in blocks]),
        metrics={name: _mean(values) for name, values in figures.items()},
        spreads={name: _spread(values) for name, values in figures.items() if len(values) > 1},
        differences={},
        images_per_second=_mean([block["images_per_second"] for block in blocks]),
        command=first["command"],
        code=codes.pop() if len(codes) == 1 else "",
    )


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(set(values)) == 1 else sum(values) / len(values)


def _spread(values: Sequence[float]) -> Spread:
    finite = all(map(math.isfinite, values))
    return Spread(min(values), statistics.stdev(values) if finite else math.nan)


def _differences(ours: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    found = {name: value - baseline[name] for name, value in ours.items() if name in baseline}
    # Of infinities there is none.
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _place(row: Row, columns: Sequence[str]) -> tuple[object, ...]:
    values = [row.columns.get(name) for name in columns]
    # Nothing before numbers before texts.
    sortable = tuple(
        (0, 0.0, "") if value is None else (2, 0.0, value) if isinstance(value, str) else (1, value, "")
        for value in values
    )
    return (not row.is_baseline, row.sampler, sortable, row.steps)
