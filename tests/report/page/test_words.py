"""Answers in words: what a reader is told of studies whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.report.page.figures import relative
from bdia_edm.report.page.settings import tried
from bdia_edm.report.page.words import counts, headline, how_sure, losses, others, rival, verdict
from bdia_edm.report.verdict import Comparison
from tests.report.page.studies import Point, edm, gamma, study
from tests.report.page.test_answering import answer_of

RIVAL = Point("ipndm", 11, [0.4], steps=11)


@pytest.mark.parametrize(
    ("points", "begin", "end", "kind"),
    [
        (
            [edm(11, 1.0), gamma(0.1, 11, 0.5)],
            "BDIA helps against EDM at NFE 11. With gamma 0.1, 6 steps: fd_digits 0.500 against 1.000, a difference of "
            "−0.500 (95 % interval −0.505 to −0.495), −50 %.",
            "No other sampler is here at its NFE.",
            "good",
        ),
        (
            [edm(11, 1.0), gamma(0.1, 11, 1.5), RIVAL],
            "BDIA hurts against EDM at NFE 11. With gamma 0.1, 6 steps: fd_digits 1.500 against 1.000, a difference of "
            "+0.500 (95 % interval ",
            "A rival is better: IPNDM at NFE 11, −1.100 (−1.105 to −1.095).",
            "bad",
        ),
        (
            [edm(11, 1.0), gamma(0.1, 11, 1.0001)],
            "BDIA cannot be told from EDM at NFE 11. With gamma 0.1, 6 steps: ",
            "No other sampler is here at its NFE.",
            "even",
        ),
        (
            [edm(11, 1.0), edm(17, 0.5), gamma(0.1, 11, 0.2), gamma(0.1, 17, 0.8), RIVAL, RIVAL._replace(nfe=17)],
            "BDIA helps against EDM at NFE 11; BDIA hurts against EDM at NFE 17. At NFE 11 with gamma 0.1, 6 steps: ",
            "A rival is better: IPNDM at NFE 17, −0.400 (−0.405 to −0.395).",
            "even",
        ),
        (
            [edm(11, 1.0), gamma(0.1, 11, 0.3999), gamma(0.2, 11, 0.41), RIVAL],
            "BDIA helps",
            "No rival is distinguishably better at NFE 11.",
            "good",
        ),
        (
            [gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.3)],
            "No baseline is among these runs",
            "The lowest fd_digits is 0.300: BDIA, gamma 0.2, 6 steps, NFE 11.",
            "unknown",
        ),
        (
            [edm(11, 1.0), gamma(0.1, 24, 0.5)],
            "No EDM has the NFE of a BDIA",
            "The lowest fd_digits is 0.500: BDIA, gamma 0.1, 6 steps, NFE 24.",
            "unknown",
        ),
        ([edm(11, 1.0)], "Only the baseline EDM is here", "nothing is held against it.", "unknown"),
        (
            [edm(11, 1.0), gamma(0.1, 11, math.inf)],
            "BDIA hurts against EDM at NFE 11. With gamma 0.1, 6 steps: fd_digits inf against 1.000, no finite differe",
            "No other sampler is here at its NFE.",
            "bad",
        ),
    ],
)
def test_headlines(points: list[Point], begin: str, end: str, kind: str, tmp_path: Path) -> None:
    words, found = headline(answer_of(study(tmp_path, *points)))
    assert words.startswith(begin)
    assert words.endswith(end)
    assert found == kind


def test_without_intervals_nothing_is_claimed(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.6), RIVAL, keep=False))
    words, kind = headline(answer)
    assert words.startswith("BDIA is ahead of EDM, by how sure a difference is not known, at NFE 11.")
    assert "−0.500 (no interval)" in words
    assert words.endswith("Whether a rival is better is not sure: no interval at NFE 11.")
    assert kind == "unknown"
    (pick,) = answer.standings[0].picks
    assert verdict(pick, answer) == ("ahead, but no interval", "unknown")
    assert rival(pick, answer) == ("ahead, no interval: IPNDM 0.400, −0.100 (no interval)", "unknown")
    assert "2 without an interval" in counts(answer.standings[0], answer)
    told = dict(how_sure(answer))
    assert any("may be chance" in words for words in told)
    assert any("its gain is biased" in words for words in told)


def test_what_speaks_for_an_answer_and_against_it(tmp_path: Path) -> None:
    points = [edm(11, 1.0, 1.0, 1.0), gamma(0.1, 11, 0.2, 0.9, 0.95), gamma(0.2, 11, 0.5, 0.5, 0.5)]
    answer = answer_of(study(tmp_path / "a", *points))
    first, second = (words for words, _ in how_sure(answer))
    assert first == (
        "Differences are of the same 6,000 seeds (2 blocks: 3000-5999; 6000-8999), their 95 % intervals by the "
        "influence function."
    )
    assert second.startswith("Where several settings were tried, seeds 0-2999 chose the best")
    assert tried(answer.standings[0].picks[0]) == "best of 2 of gamma on seeds 0-2999"
    biased = answer_of(study(tmp_path / "b", *(point._replace(distances=point.distances[:1]) for point in points)))
    assert tried(biased.standings[0].picks[0]) == "best of 2 of gamma on these seeds: biased"


def test_most_is_said_of_what_can_be_told_alone(tmp_path: Path) -> None:
    even = [edm(11, 1.0), edm(17, 0.5), gamma(0.1, 11, 1.0001), gamma(0.1, 17, 0.5001)]
    words, _ = headline(answer_of(study(tmp_path / "a", *even)))
    assert words == "BDIA cannot be told from EDM at NFE 11 and 17. No other sampler is here at its NFE."
    points = [edm(11, 1.0), edm(17, 0.5), gamma(0.1, 11, 0.7), gamma(0.1, 17, 0.3)]
    words, _ = headline(answer_of(study(tmp_path / "b", *points)))
    assert "11 and 17. Most, relative to EDM's, at NFE 17 with gamma 0.1, 6 steps: fd_digits 0.300 against" in words
    worse = [edm(11, 1.0), edm(17, 0.5), gamma(0.1, 11, 1.7), gamma(0.1, 17, 0.6)]
    words, _ = headline(answer_of(study(tmp_path / "c", *worse)))
    assert "Most, relative to EDM's, at NFE 11 with" in words


def test_losses_and_explosions(tmp_path: Path) -> None:
    points = [edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.3, 11, 1.5), gamma(0.4, 11, 3.0), gamma(1.0, 11, 40.0)]
    points += [gamma(1.1, 11, math.inf)]
    answer = answer_of(study(tmp_path, *points))
    words, kind = losses(answer.standings[0], answer)
    assert words.startswith("Worst with gamma 0.4, 6 steps (NFE 11): 3.000, +2.000 (95 % interval ")
    assert words.endswith(
        "; BDIA explodes (over 10 times the baseline, or not finite) with gamma 1, 6 steps (NFE 11): 40.000; "
        "gamma 1.1, 6 steps (NFE 11): inf."
    )
    assert kind == "bad"
    assert counts(answer.standings[0], answer) == (
        "BDIA, 5 settings: 1 better than EDM, 3 worse, 1 without an interval."
    )


def test_what_lost_most_where_more_is_better(tmp_path: Path) -> None:
    points = [edm(11, 9.0), gamma(0.1, 11, 5.0), gamma(0.2, 11, 2.0), gamma(0.3, 11, 7.0)]
    answer = answer_of(study(tmp_path, *points, keep=False, higher_is_better=["fd_digits"]))
    (standing,) = answer.standings
    rows = []
    for row in standing.unjudged:
        less = row.metrics["fd_digits"] - 9.0
        comparison = Comparison(less, less - 0.5, less + 0.5, less / 9.0, "influence", True)
        rows.append(replace(row, comparisons={"fd_digits": comparison}))
    words, _ = losses(replace(standing, worse=tuple(rows)), answer)
    assert words.startswith("Worst with gamma 0.2, 6 steps (NFE 11): 2.000, −7.000 (95 % interval −7.500 to −6.500)")


def test_an_infinite_figure_may_be_the_best(tmp_path: Path) -> None:
    """As the signal-to-noise ratio of a round trip that is exact."""
    more: dict[str, Any] = {"keep": False, "higher_is_better": ["fd_digits"]}
    points = [edm(11, 9.0), gamma(0.1, 11, math.inf), Point("ipndm", 11, [-math.inf])]
    answer = answer_of(study(tmp_path / "a", *points, **more))
    ours, other = answer.standings
    assert (len(ours.exploded), len(other.exploded)) == (0, 1)
    assert [verdict(each.picks[0], answer)[1] for each in answer.standings] == ["good", "bad"]
    assert headline(answer)[0].startswith("BDIA helps against EDM at NFE 11.")
    exact = answer_of(study(tmp_path / "b", edm(11, math.inf), gamma(0.1, 11, 9.0), RIVAL, **more))
    assert [verdict(each.picks[0], exact)[0] for each in exact.standings] == ["no, worse"] * 2
    points = [edm(11, 1.0), gamma(0.1, 11, 9.0), RIVAL._replace(distances=[math.inf])]
    rivals = answer_of(study(tmp_path / "c", *points, **more))
    assert [rival(each.picks[0], rivals)[1] for each in rivals.standings] == ["bad", "good"]


def test_nothing_lost(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5)))
    assert losses(answer.standings[0], answer) == ("nowhere that can be told", "even")


def test_the_others_have_a_sentence_each(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.6), RIVAL))
    (words,) = others(answer)
    assert words.startswith("IPNDM, 1 setting: 1 better than EDM. Best at NFE 11 with 11 steps: 0.400, −0.600 (95 %")
    assert words.endswith("−60 %.")


def test_missing_figures_are_told(tmp_path: Path) -> None:
    study(tmp_path / "a", edm(11, 1.0), gamma(0.1, 11, 0.5))
    study(tmp_path / "b", gamma(0.2, 11, 0.5), metrics={}, keep=False)
    answer = answer_of(tmp_path)
    assert [words for words, _ in how_sure(answer)][-1] == "1 of 3 rows have no such figure."


def test_few_images_are_told(tmp_path: Path) -> None:
    """Of a comparison whose interval is not to be trusted."""
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5)))
    pick = answer.standings[0].picks[0]
    assert pick.comparison is not None
    assert not any("trusted" in words for words, _ in how_sure(answer))
    few = replace(pick, comparison=pick.comparison._replace(is_trusted=False, method="jackknife"))
    standing = replace(answer.standings[0], picks=(few,))
    words = [words for words, _ in how_sure(replace(answer, standings=(standing,)))]
    assert "by the jackknife over 20 groups of seeds, which corrects" in words[0]
    assert "not to be trusted" in words[-1]


def test_more_may_be_better(tmp_path: Path) -> None:
    points = [edm(11, 1.0), gamma(0.1, 11, 2.0), RIVAL]
    answer = answer_of(study(tmp_path, *points, keep=False, higher_is_better=["fd_digits"]))
    (pick,) = answer.standings[0].picks
    assert verdict(pick, answer)[0] == "ahead, but no interval"
    assert rival(pick, answer)[0].startswith("behind, no interval")
    assert relative(pick) == "+100 %"


def test_many_rivals_are_told_in_short(tmp_path: Path) -> None:
    nfes = (7, 9, 11, 13)
    points = [edm(nfe, 1.0) for nfe in nfes] + [gamma(0.1, nfe, 0.9) for nfe in nfes]
    points += [RIVAL._replace(nfe=nfe) for nfe in nfes] + [Point("deis", 9, [0.3])]
    words, _ = headline(answer_of(study(tmp_path, *points)))
    assert words.endswith("A rival is better: IPNDM at NFE 7, 11 and 13; DEIS at NFE 9.")
