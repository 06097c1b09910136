"""What a group of rows says, as values: of each family of samplers against the baseline and rivals, at each NFE.

A family is the rows of one title. The one with the most rows leads: it is the one whose options were tried out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from bdia_edm.report.group import Group, Row
from bdia_edm.report.verdict import Comparison

__all__ = ["EXPLODED", "Answer", "Pick", "Price", "Rival", "Standing", "rank"]

EXPLODED = 10
"""How many times the baseline's distance is no mere loss any more."""


@dataclass(frozen=True)
class Rival:
    """The best of the other families at the same NFE.

    Attributes:
        pick: which it is.
        figure: the rival's, on the seeds of the difference.
        difference: ours less the rival's; None where that is no finite number.
        comparison: of ours against the rival's, on the same seeds; None where nothing was kept for it.
    """

    pick: Pick
    figure: float
    difference: float | None
    comparison: Comparison | None


@dataclass(frozen=True)
class Pick:
    """A family's best row at one NFE.

    Attributes:
        figure: on the seeds that report: on all where nothing had to be chosen.
        tried: how many rows it was chosen from.
        choices: of each column, and of 'steps', that differed among them, how many values there were.
        chosen_on: the seeds that chose it; '' where they are the ones that report too.
        baseline: the baseline's figure at this NFE, on the seeds that report; None where there is none.
        difference: from the baseline's; None where that is no finite number.
        comparison: with the baseline's; None where nothing was kept for it.
        ranked: the figure on the seeds on which all of this NFE are ranked.
        ranked_comparison: with the baseline's on those.
        rival: the best other family; None where there is no other.
    """

    family: str
    row: Row
    figure: float
    tried: int
    choices: Mapping[str, int] = field(default_factory=dict)
    chosen_on: str = ""
    baseline: float | None = None
    difference: float | None = None
    comparison: Comparison | None = None
    ranked: float = math.nan
    ranked_comparison: Comparison | None = None
    rival: Rival | None = None

    @property
    def is_biased(self) -> bool:
        """Whether the seeds that chose it report it too."""
        return self.tried > 1 and not self.chosen_on


@dataclass(frozen=True)
class Price:
    """What an NFE buys.

    Attributes:
        baseline: the baseline's figure on the seeds on which all of this NFE are ranked; None where there is none.
        picks: each family's best, the best family first.
        is_of_others: whether seeds chose here, so that all are ranked on the others.
    """

    nfe: float
    baseline: float | None
    picks: tuple[Pick, ...]
    is_of_others: bool = False


@dataclass(frozen=True)
class Standing:
    """All rows of a family against the baseline at their NFE, on all seeds.

    Attributes:
        better, worse, same: the rows of each verdict.
        unjudged: rows that have a baseline and no interval.
        alone: rows without a baseline at their NFE.
        exploded: rows that are infinitely bad or no number, or over EXPLODED times the baseline's distance.
        picks: its best at each NFE.
    """

    family: str
    better: tuple[Row, ...]
    worse: tuple[Row, ...]
    same: tuple[Row, ...]
    unjudged: tuple[Row, ...]
    alone: tuple[Row, ...]
    exploded: tuple[Row, ...]
    picks: tuple[Pick, ...]

    @property
    def num_rows(self) -> int:
        """All that have a figure."""
        return sum(map(len, (self.better, self.worse, self.same, self.unjudged, self.alone)))


@dataclass(frozen=True)
class Answer:
    """What a group says by one figure.

    Attributes:
        more_is_better: of the figure.
        chose: the seeds of the block that chose; '' where none did.
        report: the seeds of each block that reports what was chosen; what was not is reported on all.
        standings: of each family but the baseline, the leading one first.
        missing: how many rows have no such figure.
    """

    group: Group
    metric: str
    more_is_better: bool
    chose: str
    report: tuple[str, ...]
    prices: tuple[Price, ...]
    standings: tuple[Standing, ...]
    missing: int

    def rank(self, figure: float) -> float:
        """Less is better; what is no number is the worst."""
        return rank(figure, self.more_is_better)


def rank(figure: float, more_is_better: bool) -> float:
    """Less is better; what is no number is the worst."""
    return math.inf if math.isnan(figure) else -figure if more_is_better else figure
