"""An answer in plain words with its figures: sentences, not yet escaped for any format."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bdia_edm.metrics.jackknife import NUM_GROUPS
from bdia_edm.records.wording import shortened
from bdia_edm.report.names import paper_name
from bdia_edm.report.page.answer import EXPLODED, Answer, Pick, Standing
from bdia_edm.report.page.figures import after, figure, gap, interval, mirrored, percent, relative
from bdia_edm.report.page.settings import setting
from bdia_edm.report.verdict import BETTER, NOT_DISTINGUISHABLE, WORSE, Comparison

__all__ = ["Told", "counts", "headline", "how_sure", "losses", "others", "rival", "summary", "verdict"]

Told = tuple[str, str]
"""A text, and of what kind it is: 'good', 'bad', 'even' or 'unknown'."""

_METHODS = {
    "influence": "the influence function",
    "jackknife": f"the jackknife over {NUM_GROUPS} groups of seeds",
}
_CORRECTED = (
    ", which corrects a difference for its bias in the number of images: it is not quite that of the figures, and its "
    "share is of the baseline's as it is shown"
)
_TOLD = 3
"""Of what there may be many, so many are told in full."""


def headline(answer: Answer) -> Told:
    """The leading family against the baseline and the rivals, in a sentence or two."""
    words, kind = summary(answer)
    if not answer.standings or all(pick.baseline is None for pick in answer.standings[0].picks):
        return words, kind
    return " ".join(part for part in (words, _most(answer), _rivals(answer.standings[0], answer)) if part), kind


def summary(answer: Answer) -> Told:
    """Where the leading family helps against the baseline and where it hurts, in a sentence."""
    group, metric = answer.group, paper_name(answer.metric)
    if not answer.standings:
        if not group.baseline:
            return f"No run here has {metric}, so nothing can be said.", "unknown"
        return f"Only the baseline {group.baseline} is here: nothing is held against it.", "unknown"
    lead = answer.standings[0]
    if not group.baseline:
        return f"No baseline is among these runs, so none can be said to help. {_lowest(answer)}", "unknown"
    held = [pick for pick in lead.picks if pick.baseline is not None]
    if not held:
        return (
            f"No {group.baseline} has the NFE of a {lead.family}, so it cannot be said whether that helps. "
            f"{_lowest(answer)}"
        ), "unknown"
    found = _by_standing(held, answer)
    words = {
        BETTER: f"{lead.family} helps against {group.baseline}",
        WORSE: f"{lead.family} hurts against {group.baseline}",
        NOT_DISTINGUISHABLE: f"{lead.family} cannot be told from {group.baseline}",
        "closer": f"{lead.family} is ahead of {group.baseline}, by how sure a difference is not known,",
        "farther": f"{lead.family} is behind {group.baseline}, by how sure a difference is not known,",
        "unknown": f"{lead.family} and {group.baseline} have figures without a difference",
    }
    parts = [f"{words[name]} at NFE {_nfes(found[name])}" for name in words if name in found]
    kind = "good" if {*found} == {BETTER} else "bad" if {*found} == {WORSE} else "even"
    kind = "unknown" if not {*found} & {BETTER, WORSE, NOT_DISTINGUISHABLE} else kind
    return f"{'; '.join(parts)}.", kind


def _by_standing(held: Sequence[Pick], answer: Answer) -> dict[str, list[Pick]]:
    found: dict[str, list[Pick]] = {}
    for pick in held:
        found.setdefault(_standing_of(pick, answer), []).append(pick)
    return found


def _most(answer: Answer) -> str:
    """The figures of what helps most or else hurts most; '' where nothing of several can be distinguished."""
    held = [pick for pick in answer.standings[0].picks if pick.baseline is not None]
    found = _by_standing(held, answer)
    first = held if len(held) == 1 else found.get(BETTER) or found.get(WORSE)
    if not first:
        return ""
    # What hurts most is the last by what is better.
    is_loss = len(held) > 1 and BETTER not in found
    most = (max if is_loss else min)(first, key=lambda pick: _relative(pick, answer))
    at = f"at NFE {most.row.nfe:g} " if len(held) > 1 else ""
    which = f"most, relative to {answer.group.baseline}'s, " if len(first) > 1 else ""
    figures = (
        f"{which}{at}with {setting(most.row)}: {paper_name(answer.metric)} {figure(most.figure)} against "
        f"{figure(most.baseline)}, {_difference(most)}{after(relative(most))}"
    )
    return f"{figures[0].upper()}{figures[1:]}."


def _difference(pick: Pick) -> str:
    words = gap(pick.difference, pick.comparison)
    return words if pick.comparison is None and pick.difference is None else f"a difference of {words}"


def _standing_of(pick: Pick, answer: Answer) -> str:
    """A verdict, or without an interval which way the difference points."""
    if pick.comparison is not None:
        return pick.comparison.verdict
    if pick.difference is None:
        # Against a number, what is none has lost, but what is infinitely good has won; and so the other way round.
        if pick.baseline is not None and math.isfinite(pick.baseline) and not math.isfinite(pick.figure):
            return WORSE if answer.rank(pick.figure) == math.inf else BETTER
        if pick.baseline is not None and math.isfinite(pick.figure) and answer.rank(pick.baseline) == -math.inf:
            return WORSE
        return "unknown"
    return "closer" if (pick.difference > 0) == answer.more_is_better and pick.difference else "farther"


def _relative(pick: Pick, answer: Answer) -> float:
    """Less is better."""
    if pick.difference is None:
        return -math.inf if answer.rank(pick.figure) == -math.inf else math.inf
    value = pick.difference / abs(pick.baseline) if pick.baseline else pick.difference
    return -value if answer.more_is_better else value


def _rivals(lead: Standing, answer: Answer) -> str:
    """Whether a rival is better than the leading family's best."""
    facing = [pick for pick in lead.picks if pick.rival is not None]
    if not facing:
        return "No other sampler is here at its NFE." if len(answer.standings) == 1 else ""
    ahead = [pick for pick in facing if rival(pick, answer)[1] == "bad"]
    unsure = [pick for pick in facing if rival(pick, answer)[1] == "unknown"]
    if ahead:
        better = [(pick, pick.rival) for pick in ahead if pick.rival is not None]
        named = [
            f"{other.pick.family} at NFE {pick.row.nfe:g}, {_mirrored(other.difference, other.comparison)}"
            for pick, other in better
        ]
        if len(better) > _TOLD:
            families = dict.fromkeys(other.pick.family for _, other in better)
            where = {family: [pick for pick, other in better if other.pick.family == family] for family in families}
            named = [f"{family} at NFE {_nfes(picks)}" for family, picks in where.items()]
        return f"A rival is better: {'; '.join(named)}."
    if unsure:
        return f"Whether a rival is better is not sure: no interval at NFE {_nfes(unsure)}."
    return f"No rival is distinguishably better at NFE {_nfes(facing)}."


def _lowest(answer: Answer) -> str:
    picks = [pick for price in answer.prices for pick in price.picks if answer.rank(pick.figure) < math.inf]
    if not picks:
        return ""
    best = min(picks, key=lambda pick: answer.rank(pick.figure))
    which = "highest" if answer.more_is_better else "lowest"
    name = f"{best.family}, {setting(best.row)}, NFE {best.row.nfe:g}"
    return f"The {which} {paper_name(answer.metric)} is {figure(best.figure)}: {name}."


def verdict(pick: Pick, answer: Answer) -> Told:
    """Whether a family's best helps at its NFE."""
    words = {
        BETTER: ("yes, better", "good"),
        WORSE: ("no, worse", "bad"),
        NOT_DISTINGUISHABLE: ("not distinguishable", "even"),
        "closer": ("ahead, but no interval", "unknown"),
        "farther": ("behind, but no interval", "unknown"),
    }
    if pick.baseline is None:
        return f"no {answer.group.baseline} here", "unknown"
    return words.get(_standing_of(pick, answer), ("no difference", "unknown"))


def rival(pick: Pick, answer: Answer) -> Told:
    """Whether another family's best is better than this one, from the paired interval where there is one."""
    if pick.rival is None:
        return "no rival here", "unknown"
    which = f"{pick.rival.pick.family} {figure(pick.rival.figure)}"
    difference, comparison = pick.rival.difference, pick.rival.comparison
    if comparison is None:
        if difference is None:
            kind, word = "unknown", "no difference"
            if math.isfinite(pick.ranked) != math.isfinite(pick.rival.figure):
                is_ours = answer.rank(pick.ranked) < answer.rank(pick.rival.figure)
                kind, word = ("good", "no") if is_ours else ("bad", "yes")
            return f"{word}: {which}", kind
        is_ahead = (difference < 0) != answer.more_is_better and difference != 0
        return f"{'behind' if is_ahead else 'ahead'}, no interval: {which}, {_mirrored(difference, None)}", "unknown"
    words = {BETTER: ("no", "good"), WORSE: ("yes", "bad"), NOT_DISTINGUISHABLE: ("not distinguishable", "even")}
    word, kind = words[comparison.verdict]
    return f"{word}: {which}, {_mirrored(difference, comparison)}", kind


def _mirrored(difference: float | None, comparison: Comparison | None) -> str:
    """Of the rival's less ours."""
    return interval(None if difference is None else -difference, None if comparison is None else mirrored(comparison))


def counts(standing: Standing, answer: Answer) -> str:
    """How many of a family's rows have which verdict."""
    baseline = answer.group.baseline
    if not baseline:
        return f"{standing.family}: {_settings(standing.num_rows)}, and no baseline."
    told = [
        f"{len(rows)} {words}"
        for rows, words in (
            (standing.better, f"better than {baseline}"),
            (standing.worse, "worse"),
            (standing.same, "not distinguishable"),
            (standing.unjudged, "without an interval"),
            (standing.alone, f"without {baseline} at the same NFE"),
        )
        if rows
    ]
    return f"{standing.family}, {_settings(standing.num_rows)}: {', '.join(told)}."


def _settings(number: int) -> str:
    return f"{number} setting{'' if number == 1 else 's'}"


def losses(standing: Standing, answer: Answer) -> Told:
    """Where a family loses most, and where it explodes."""
    metric, parts, kind = answer.metric, [], "even"
    if lost := [row for row in standing.worse if all(row is not other for other in standing.exploded)]:
        sign = -1 if answer.more_is_better else 1
        worst = max(lost, key=lambda row: sign * row.comparisons[metric].difference)
        parts.append(
            f"worst with {setting(worst)} (NFE {worst.nfe:g}): {figure(worst.metrics[metric])}, "
            f"{gap(None, worst.comparisons[metric])}{after(percent(worst.comparisons[metric].relative))}"
        )
        kind = "bad"
    if standing.exploded:
        named = [f"{setting(row)} (NFE {row.nfe:g}): {figure(row.metrics[metric])}" for row in standing.exploded]
        more = f" and {len(named) - _TOLD} more" if len(named) > _TOLD else ""
        than = f"over {EXPLODED} times the baseline, or not finite"
        parts.append(f"{standing.family} explodes ({than}) with {'; '.join(named[:_TOLD])}{more}")
        kind = "bad"
    if not parts:
        return ("nowhere that can be told" if answer.group.baseline else "no baseline to lose against"), kind
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}.", kind


def how_sure(answer: Answer) -> list[Told]:
    """On what the verdicts stand, and what speaks against them."""
    group = answer.group
    found = [pick.comparison for standing in answer.standings for pick in standing.picks if pick.comparison is not None]
    # What chose here; what other seeds chose has its figures of all of these.
    picks = [pick for standing in answer.standings for pick in standing.picks]
    is_chosen = [bool(answer.chose) and pick.chosen_on == answer.chose for pick in picks]
    reporting = answer.report if any(is_chosen) else group.seeds
    number, all_numbers = len(reporting) * group.num_images, len(group.seeds) * group.num_images
    what = group.items
    blocks = "one block" if len(reporting) == 1 else f"{len(reporting)} blocks"
    sentences: list[Told] = []
    if found:
        methods = " and ".join(_METHODS[method] for method in dict.fromkeys(each.method for each in found))
        is_corrected = any(each.method == "jackknife" for each in found)
        sentences.append(
            (
                f"Differences are of the same {number:,} {what} ({blocks}: {shortened('; '.join(reporting), 48)}), "
                f"their 95 % intervals by {methods}{_CORRECTED if is_corrected else ''}.",
                "",
            )
        )
    elif group.baseline and answer.standings:
        sentences.append(
            (
                f"No interval: these runs keep nothing that one is computed from, so a difference on {number:,} "
                f"{what} may be chance.",
                "bad",
            )
        )
    if any(is_chosen):
        without = ("what had nothing to choose, " if not all(is_chosen) else "") + "counts of settings and the tables"
        sentences.append(
            (
                f"Where several settings were tried, seeds {shortened(answer.chose, 48)} chose the best, and the "
                f"figures here are of the other {what}; {without} are of all {all_numbers:,}.",
                "",
            )
        )
    if any(pick.is_biased for standing in answer.standings for pick in standing.picks):
        sentences.append(
            (
                "The best of several settings was chosen on the seeds that report it: its gain is biased, better than "
                "other seeds would show.",
                "bad",
            )
        )
    if not all(each.is_trusted for each in found):
        sentences.append(("The intervals are not to be trusted: too few images for so many features.", "bad"))
    if answer.missing:
        sentences.append((f"{answer.missing} of {len(group.rows)} rows have no such figure.", "bad"))
    return sentences


def others(answer: Answer) -> list[str]:
    """A sentence for each family but the leading one."""
    found = []
    for standing in answer.standings[1:]:
        held = [pick for pick in standing.picks if pick.difference is not None]
        best = ""
        if held:
            most = min(held, key=lambda pick: _relative(pick, answer))
            which = "Best" if len(held) == 1 else f"Best, relative to {answer.group.baseline}'s,"
            best = (
                f" {which} at NFE {most.row.nfe:g} with {setting(most.row)}: {figure(most.figure)}, "
                f"{gap(most.difference, most.comparison)}{after(relative(most))}."
            )
        exploded = f" {len(standing.exploded)} explode." if standing.exploded else ""
        found.append(f"{counts(standing, answer)}{best}{exploded}")
    return found


def _nfes(picks: Sequence[Pick]) -> str:
    values = [f"{pick.row.nfe:g}" for pick in picks]
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
