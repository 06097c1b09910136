"""Rows by their settings in words, and how those were chosen: texts, not yet escaped for any format."""

from __future__ import annotations

from bdia_edm.records.wording import in_words, shortened
from bdia_edm.report.group import Row
from bdia_edm.report.page.answer import Pick

__all__ = ["name_of", "setting", "tried", "tried_in_short"]


def name_of(row: Row) -> str:
    """A row in a line: 'bdia, euler, gamma 0.1, 6 steps, NFE 11'."""
    return f"{row.sampler.partition(' ')[0]}, {setting(row)}, NFE {row.nfe:g}"


def setting(row: Row) -> str:
    """What of a row is not its family: 'euler, gamma 0.1, 6 steps'."""
    options = row.sampler.split(" ")[1:]
    return ", ".join(part for part in [*options, in_words(row.columns), f"{row.steps} steps"] if part)


def tried_in_short(pick: Pick) -> str:
    """What must be seen beside a setting: 'best of 6, biased'."""
    chosen = pick.row.chosen
    if pick.tried > 1:
        return f"best of {pick.tried}{', biased' if pick.is_biased else ''}"
    return "the only one" if chosen is None else f"{chosen.option} best of {chosen.among}"


def tried(pick: Pick) -> str:
    """From how many settings a pick was chosen, and on which seeds."""
    chosen = pick.row.chosen
    before = "" if chosen is None else f"{chosen.option} best of {chosen.among} on seeds {shortened(chosen.seeds, 30)}"
    if pick.tried == 1:
        return before or "the only setting at this NFE"
    named = ", ".join(f"{number} of {name}" for name, number in pick.choices.items())
    among = f"{pick.tried} ({named})" if len(pick.choices) > 1 else named or f"{pick.tried}"
    where = f"on seeds {shortened(pick.chosen_on, 30)}" if pick.chosen_on else "on these seeds: biased"
    return f"{f'{before}; ' if before else ''}best of {among} {where}"
