"""What tables, plots and pages are made of: a row of a run or of its blocks of seeds, and groups of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bdia_edm.records.wording import shortened
from bdia_edm.report.verdict import Comparison, Run

__all__ = ["Chosen", "Group", "Row", "Spread", "Value", "baselines_of", "title_of", "union"]

Value = str | float | bool | None
_OF_SEEDS = ("sample", "generate")
"""Tasks whose images are made of seeds."""
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


class Chosen(NamedTuple):
    """How the value of an option was chosen on seeds that are not the row's.

    Attributes:
        option: the sampler's.
        value: the chosen one.
        among: how many values there were.
        seeds: that chose.
        metric: the figure that chose.
    """

    option: str
    value: Value
    among: int
    seeds: str
    metric: str


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
        images_per_second: of several blocks the mean.
        command: what made it; of several blocks the first's.
        code: the beginning of its code's checksum; '' where it is unknown, or not the same for all blocks.
        standard_errors: over seeds, of the figures whose records know it.
        published: what others published for the same, of the group's ``published_metric``.
        beyond_published: our figure less that: the mean of our blocks, or their minimum where the published one is the
            least of several.
        reproduced: in words whether ours is the published figure; '' where that cannot be said of such a figure.
        verdict: better or worse than the baseline, of all encoders together; '' where none of these has an interval.
        best: the figures in which it is the best of all rows of its NFE, and distinguishable from the second.
        chosen: how an option of it was chosen; None where none was.
        runs: the blocks.
        copies: runs of the same images that were measured too, with no figure that these have not.
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
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    beyond_published: float | None = None
    reproduced: str = ""
    verdict: str = ""
    best: tuple[str, ...] = ()
    chosen: Chosen | None = None
    runs: tuple[Run, ...] = ()
    copies: tuple[tuple[Run, ...], ...] = ()


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
            how many images of the data some were compared with, what the intervals are, how options were chosen, and
            that the rows come from different code.
        published_metric: the figure that rows have published values of; '' where none has.
        task: the command that made them, 'sample', 'generate', 'invert' or 'edit'; of the latter two the seeds are
            their images' numbers.
        conditions: what the rows share beside, by its name in words.
        encoders: by a detector's name the distance that was measured in its features; where no record says it every
            figure by its own name.
        is_choice: whether these seeds chose an option for rows of other seeds, and report nothing themselves.
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
    encoders: Mapping[str, str] = field(default_factory=dict)
    is_choice: bool = False
    conditions: Mapping[str, Value] = field(default_factory=dict)

    @property
    def items(self) -> str:
        """What stands for an image: 'seeds', or 'images' where these were given."""
        return "seeds" if self.task in _OF_SEEDS else "images"

    @property
    def subject(self) -> str:
        """What the rows share, in words."""
        one_class = "" if self.class_idx is None else f", class {self.class_idx}"
        blocks = "" if len(self.seeds) == 1 else f"{len(self.seeds)} times "
        what = "seeds" if self.task in _OF_SEEDS else "numbers"
        if self.is_choice:
            what = f"choosing {what}"
        shared = "".join(f", {name} {_shown(value)}" for name, value in self.conditions.items())
        return (
            f"{self.model}: {blocks}{self.num_images:,} images "
            f"({what} {shortened('; '.join(self.seeds))}{one_class}{shared})"
        )

    @property
    def compared(self) -> tuple[str, ...]:
        """The metrics of which one is better than another: without those that say how sure another one is."""
        sure = {f"{name}{each}" for name in self.metrics for each in _HOW_SURE}
        return tuple(name for name in self.metrics if name not in sure)

    @property
    def judged(self) -> tuple[str, ...]:
        """The metrics that some row has a verdict on."""
        found = {name for row in self.rows for name in row.comparisons}
        return tuple(name for name in self.metrics if name in found)

    @property
    def title(self) -> str:
        """The subject and what was measured."""
        return f"{self.subject}, {', '.join(self.compared) or 'nothing measured'}"


def _shown(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def title_of(row: Row) -> str:
    """Its sampler's name for people; of a row without runs what its name begins with."""
    return row.runs[0].record["labels"]["title"] if row.runs else row.sampler.partition(" ")[0]


def baselines_of(rows: Iterable[Row], title: str, metric: str) -> dict[float, Row]:
    """By NFE the row that the others are held against in this figure: the first baseline that has it.

    Args:
        rows: in the table's order.
        title: of the baseline that the table's head says; of another kind no difference is the head's.
    """
    found: dict[float, Row] = {}
    for row in rows:
        if row.is_baseline and metric in row.metrics and (not row.runs or title_of(row) == title):
            found.setdefault(row.nfe, row)
    return found


def union(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names, in the order in which they come first."""
    return tuple(dict.fromkeys(name for some in names for name in some))
