"""Whether several encoders say the same of a group's leading family: a sentence, not yet escaped for any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bdia_edm.report.names import paper_name
from bdia_edm.report.page.answer import Answer
from bdia_edm.report.verdict import BETTER, DISAGREE, NOT_DISTINGUISHABLE, WORSE, joint_verdict

__all__ = ["agreement", "encoder_of"]

_BOTH = 2


def encoder_of(answer: Answer) -> str:
    """The name of the encoder whose distance answers; the figure's own name where no record says which it is."""
    names = [name for name, metric in answer.group.encoders.items() if metric == answer.metric]
    return names[0] if names else paper_name(answer.metric)


def agreement(answers: Sequence[Answer]) -> str:
    """What all encoders say of each NFE at which they all have a verdict; '' where there is no such NFE.

    Args:
        answers: of one group.
    """
    if len(answers) < _BOTH or not answers[0].standings:
        return ""
    family, baseline = answers[0].standings[0].family, answers[0].group.baseline
    said = _verdicts(answers, family)
    joint: dict[str, list[float]] = {}
    for nfe, verdicts in said.items():
        joint.setdefault(joint_verdict(verdicts), []).append(nfe)
    if not joint:
        return ""
    words = {
        BETTER: f"{family} helps against {baseline}",
        WORSE: f"{family} hurts",
        NOT_DISTINGUISHABLE: f"it cannot be told from {baseline}",
    }
    agreed = [f"{words[name]} at NFE {nfe_list(joint[name])}" for name in words if name in joint]
    alone = [f"{name} at NFE {nfe_list(nfes)}" for name, nfes in joint.items() if name not in (*words, DISAGREE)]
    # A distance that is in no features, as from the exact solution, is no encoder's.
    what = "encoders" if all(each.metric in each.group.encoders.values() for each in answers) else "figures"
    whose = "Both" if len(answers) == _BOTH else "All"
    if DISAGREE in joint:
        told = [
            f"at NFE {nfe:g} {', '.join(f'{name} says {verdict}' for name, verdict in said[nfe].items())}"
            for nfe in joint[DISAGREE]
        ]
        begin = f"The {what} disagree: {'; '.join(told)}."
        agree = f" {whose} agree: {'; '.join(agreed)}." if agreed else ""
    elif agreed:
        begin, agree = f"{whose} {what} agree: {'; '.join(agreed)}.", ""
    else:
        begin, agree = f"The {what} do not agree, but none contradicts another.", ""
    return f"{begin}{agree}" + (f" Of one alone: {'; '.join(alone)}." if alone else "")


def nfe_list(values: Sequence[float]) -> str:
    """'5', '5 and 7', '5, 7 and 9'."""
    told = [f"{value:g}" for value in values]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _verdicts(answers: Sequence[Answer], family: str) -> dict[float, Mapping[str, str]]:
    """By NFE and encoder those of the family's best."""
    found: dict[float, dict[str, str]] = {}
    for answer in answers:
        for standing in answer.standings:
            for pick in standing.picks:
                if standing.family == family and pick.comparison is not None:
                    found.setdefault(pick.row.nfe, {})[encoder_of(answer)] = pick.comparison.verdict
    return {nfe: found[nfe] for nfe in sorted(found) if len(found[nfe]) == len(answers)}
