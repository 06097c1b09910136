"""How a group of rows answers: each family's best at each NFE, and all of its rows, held against the baseline.

No sampler is known here by name.

Whoever reports the best of several settings on the seeds that chose it reports luck as well. Where a group has several
blocks of seeds, the first chooses a family's setting at each NFE and the others say how good it is. Where there is
nothing to choose all blocks say so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bdia_edm.base.errors import UserError
from bdia_edm.report.folding import distinct
from bdia_edm.report.group import Group, Row, Value, baselines_of, title_of, union
from bdia_edm.report.page.answer import EXPLODED, Answer, Pick, Price, Rival, Standing, rank
from bdia_edm.report.series import subject_of
from bdia_edm.report.verdict import BETTER, NOT_DISTINGUISHABLE, WORSE, Comparison, comparisons_of

__all__ = ["answers_of"]


def answers_of(groups: Sequence[Group]) -> list[Answer]:
    """An answer for each group and each figure that has verdicts; without verdicts by the group's first figure.

    Seeds that only chose say nothing. Those that hold something against a baseline come first.
    """
    reporting = [group for group in groups if not group.is_choice]
    answers = [_answer(group, metric) for group in reporting for metric in _asked(group)]
    answers.sort(key=lambda answer: not any(price.baseline is not None and price.picks for price in answer.prices))
    return [_with_earlier_choices(answer, answers) for answer in answers]


def _asked(group: Group) -> Sequence[str]:
    judged = union(row.comparisons for row in group.rows)
    return [name for name in group.compared if name in judged] or group.compared[:1]


def _answer(group: Group, metric: str) -> Answer:
    rows = distinct(group.rows, metric)
    more = any(metric in run.record.get("higher_is_better", ()) for row in rows for run in row.runs)
    at_nfe: dict[float, dict[str, list[Row]]] = {}
    for row in rows:
        if not row.is_baseline:
            at_nfe.setdefault(row.nfe, {}).setdefault(_family(row, group), []).append(row)
    is_choice = any(len(found) > 1 for families in at_nfe.values() for found in families.values())
    # The rows of several blocks know their runs, unless somebody made them by hand.
    can_choose = len(group.seeds) > 1 and all(len(row.runs) == len(group.seeds) for row in rows)
    report = _Report(metric, more, 1 if is_choice and can_choose else 0)
    chose = group.seeds[0] if report.first else ""
    baselines = baselines_of(rows, group.baseline, metric)
    prices = tuple(
        _price(nfe, at_nfe.get(nfe, {}), baselines.get(nfe), report, chose) for nfe in sorted({*at_nfe, *baselines})
    )
    sizes = Counter(_family(row, group) for row in rows if not row.is_baseline)
    standings = [_standing(family, group, rows, baselines, metric, more) for family in sizes]
    standings.sort(key=lambda standing: (-standing.num_rows, standing.family))
    missing = sum(metric not in row.metrics for row in group.rows)
    reporting = group.seeds[report.first :]
    return _with_picks(Answer(group, metric, more, chose, reporting, prices, tuple(standings), missing))


@dataclass(frozen=True)
class _Report:
    """By what rows are chosen and reported.

    Attributes:
        first: the first block that reports; those before it choose, all where it is 0.
    """

    metric: str
    more_is_better: bool
    first: int

    def choosing(self, row: Row) -> float:
        """Less is better."""
        return rank(self._mean(row, 0, self.first) if self.first else self.figure(row), self.more_is_better)

    def figure(self, row: Row) -> float:
        return self._mean(row, self.first, len(row.runs)) if self.first else row.metrics[self.metric]

    def _mean(self, row: Row, start: int, stop: int) -> float:
        values = [run.record["metrics"][self.metric] for run in row.runs[start:stop]]
        return sum(values) / len(values)

    def comparison(self, row: Row, other: Row) -> Comparison | None:
        """Of the row with the other, on the seeds that report."""
        if other.is_baseline and not self.first:
            return row.comparisons.get(self.metric)
        if not row.runs or len(row.runs) != len(other.runs):
            return None
        try:
            return comparisons_of(row.runs[self.first :], other.runs[self.first :]).get(self.metric)
        except UserError:  # a damaged file, which is told below the table
            return None


def _price(
    nfe: float, families: Mapping[str, Sequence[Row]], baseline: Row | None, report: _Report, chose: str
) -> Price:
    everywhere = replace(report, first=0)
    # Beside each other all must be of the same seeds: blocks differ by more than samplers do.
    common = report if any(len(rows) > 1 for rows in families.values()) else everywhere
    picks = []
    for family, rows in families.items():
        own = report if len(rows) > 1 else everywhere
        best = min(rows, key=report.choosing)
        chosen_on = chose if len(rows) > 1 else ""
        pick = Pick(family, best, own.figure(best), len(rows), _choices(rows), chosen_on, ranked=common.figure(best))
        if baseline is not None:
            at_baseline = own.figure(baseline)
            difference, comparison = _finite(pick.figure - at_baseline), own.comparison(best, baseline)
            ranked = comparison if own == common else common.comparison(best, baseline)
            pick = replace(
                pick, baseline=at_baseline, difference=difference, comparison=comparison, ranked_comparison=ranked
            )
        picks.append(pick)
    picks.sort(key=lambda pick: (rank(pick.ranked, report.more_is_better), pick.family))
    found = []
    for pick in picks:
        others = [other for other in picks if other is not pick]
        if others:
            comparison, figure = common.comparison(pick.row, others[0].row), others[0].ranked
            pick = replace(pick, rival=Rival(others[0], figure, _finite(pick.ranked - figure), comparison))
        found.append(pick)
    return Price(nfe, None if baseline is None else common.figure(baseline), tuple(found), common.first > 0)


def _standing(
    family: str, group: Group, rows: Iterable[Row], baselines: Mapping[float, Row], metric: str, more: bool
) -> Standing:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.is_baseline or _family(row, group) != family:
            continue
        baseline, comparison = baselines.get(row.nfe), row.comparisons.get(metric)
        verdict = "alone" if baseline is None else "unjudged" if comparison is None else comparison.verdict
        found.setdefault(verdict, []).append(row)
        value = row.metrics[metric]
        limit = math.inf if baseline is None or more else EXPLODED * baseline.metrics[metric]
        # What is beyond an infinite or missing baseline cannot be told.
        if rank(value, more) == math.inf or (limit > 0 and value > limit):
            found.setdefault("exploded", []).append(row)
    better, worse, same, unjudged, alone, exploded = (
        tuple(found.get(name, ())) for name in (BETTER, WORSE, NOT_DISTINGUISHABLE, "unjudged", "alone", "exploded")
    )
    return Standing(family, better, worse, same, unjudged, alone, exploded, picks=())


def _with_picks(answer: Answer) -> Answer:
    """The answer with each family's picks in its standing too."""
    picks: dict[str, list[Pick]] = {}
    for price in answer.prices:
        for pick in price.picks:
            picks.setdefault(pick.family, []).append(pick)
    standings = [replace(each, picks=tuple(picks[each.family])) for each in answer.standings]
    return replace(answer, standings=tuple(standings))


def _with_earlier_choices(answer: Answer, answers: Sequence[Answer]) -> Answer:
    """Where a row is alone in its group, and the best of several in another on other seeds: that these chose it."""
    subject = _subject(answer)

    def looked_up(pick: Pick) -> Pick:
        for other in answers:
            same_kind = other.metric == answer.metric and _subject(other) == subject
            if pick.tried > 1 or not same_kind or set(other.group.seeds) & set(answer.group.seeds):
                continue
            for standing in other.standings:
                for choice in standing.picks:
                    if choice.tried > 1 and _identity(choice.row) == _identity(pick.row):
                        seeds = choice.chosen_on or "; ".join(other.group.seeds)
                        return replace(pick, tried=choice.tried, choices=choice.choices, chosen_on=seeds)
        return pick

    prices = tuple(replace(price, picks=tuple(map(looked_up, price.picks))) for price in answer.prices)
    return _with_picks(replace(answer, prices=prices))


def _subject(answer: Answer) -> tuple[object, ...]:
    """What both must be of: the same network, class, device and data. All rows of a group are of one."""
    runs = next((row.runs for row in answer.group.rows if row.runs), ())
    return answer.group.model, *(subject_of(run.record) for run in runs[:1])


def _identity(row: Row) -> tuple[object, ...]:
    return row.sampler, tuple(row.columns.items()), row.steps, row.nfe


def _family(row: Row, group: Group) -> str:
    """The title, or the name's first word; of the baseline's own title with other options: that they are others."""
    title = title_of(row)
    return f"{title} with other options" if title == group.baseline else title


def _choices(rows: Sequence[Row]) -> dict[str, int]:
    found: dict[str, set[Value]] = {}
    for row in rows:
        for name, value in [*row.columns.items(), ("steps", row.steps), ("options", row.sampler)]:
            found.setdefault(name, set()).add(value)
    # What other seeds chose for each of them is no choice among them.
    chosen = {row.chosen.option for row in rows if row.chosen is not None}
    return {name: len(values) for name, values in found.items() if len(values) > 1 and name not in chosen}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
