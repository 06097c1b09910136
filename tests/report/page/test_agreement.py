"""Whether encoders agree, from answers whose verdicts are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bdia_edm.report.page.agreement import agreement
from bdia_edm.report.page.answer import Answer
from tests.report.page.studies import edm, gamma, study
from tests.report.page.test_answering import answer_of

COSTS = (11, 17, 21)


def of(folder: Path, encoder: str, *figures: float) -> Answer:
    """An answer of a figure at each NFE, where the baseline's is 1."""
    points = [
        point for nfe, each in zip(COSTS, figures, strict=False) for point in (edm(nfe, 1.0), gamma(0.1, nfe, each))
    ]
    answer = answer_of(study(folder / encoder, *points))
    return replace(answer, group=replace(answer.group, encoders={encoder: answer.metric}))


def test_encoders_that_agree(tmp_path: Path) -> None:
    both = [of(tmp_path, "digits", 0.5, 1.5, 1.0001), of(tmp_path, "pixels", 0.6, 1.6, 1.0001)]
    assert agreement(both) == (
        "Both encoders agree: BDIA helps against EDM at NFE 11; BDIA hurts at NFE 17; it cannot be told from EDM at "
        "NFE 21."
    )
    other = replace(both[1], group=replace(both[1].group, encoders={}))
    assert agreement([both[0], other]).startswith("Both figures agree: BDIA helps")
    assert agreement([*both, of(tmp_path, "third", 0.5, 1.5, 1.0001)]).startswith("All encoders agree")


def test_encoders_that_disagree(tmp_path: Path) -> None:
    both = [of(tmp_path, "digits", 0.5, 1.5, 1.0001), of(tmp_path, "pixels", 0.6, 0.6, 0.5)]
    assert agreement(both) == (
        "The encoders disagree: at NFE 17 digits says worse, pixels says better. Both agree: BDIA helps against EDM at "
        "NFE 11. Of one alone: better (pixels) at NFE 21."
    )


def test_one_that_sees_what_the_other_does_not(tmp_path: Path) -> None:
    both = [of(tmp_path, "digits", 1.0001), of(tmp_path, "pixels", 0.6)]
    assert agreement(both) == (
        "The encoders do not agree, but none contradicts another. Of one alone: better (pixels) at NFE 11."
    )


def test_nothing_to_agree_on(tmp_path: Path) -> None:
    one = of(tmp_path, "digits", 0.5)
    assert agreement([one]) == agreement([]) == ""
    empty = replace(one, standings=())
    assert agreement([empty, empty]) == ""
