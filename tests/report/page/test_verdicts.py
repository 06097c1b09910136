"""Answers as HTML."""

from __future__ import annotations

import math
import re
from pathlib import Path

from bdia_edm.report.page.answer import Answer
from bdia_edm.report.page.verdicts import glance, of_answer, ranking
from tests.report.page.studies import Point, edm, gamma, study
from tests.report.page.test_answering import answer_of


def cells(html: str) -> list[list[str]]:
    """The text of each cell of a table's body."""
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    lines = re.findall(r"<tr>(.*?)</tr>", body)
    return [[re.sub("<.*?>", "", each) for each in re.findall(r"<t[dh].*?</t[dh]>", line)] for line in lines]


def ranked(answer: Answer) -> list[tuple[str, ...]]:
    """Rank, family, figure, difference from the best without its interval's ends, verdict."""
    return [(line[1], line[2], line[4], line[5].partition(" (")[0], line[6]) for line in cells(ranking(answer))]


def test_a_ranking_with_the_baseline_last(tmp_path: Path) -> None:
    points = [edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.7), Point("ipndm", 11, [0.4])]
    assert ranked(answer_of(study(tmp_path, *points))) == [
        ("1", "IPNDM", "0.400", "", ""),
        ("2", "BDIA", "0.500", "+0.100", "worse"),
        ("3", "EDM", "1.000", "+0.600", "worse"),
    ]


def test_a_ranking_with_the_baseline_first(tmp_path: Path) -> None:
    points = [edm(11, 0.3), gamma(0.1, 11, 0.5), Point("ipndm", 11, [0.3001]), Point("deis", 11, [math.inf])]
    assert ranked(answer_of(study(tmp_path, *points))) == [
        ("1", "EDM", "0.300", "", ""),
        ("2", "IPNDM", "0.300", "+1.0e-04", "not distinguishable"),
        ("3", "BDIA", "0.500", "+0.200", "worse"),
        ("4", "DEIS", "inf", "no finite difference", "no interval"),
    ]


def test_a_ranking_without_intervals(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), keep=False))
    assert [line[4] for line in ranked(answer)] == ["", "no interval"]


def test_an_answer_has_a_line_for_each_nfe(tmp_path: Path) -> None:
    points = [edm(11, 1.0), edm(17, 0.5), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.7), gamma(0.1, 17, 0.6)]
    answer = answer_of(study(tmp_path, *points, Point("ipndm", 17, [0.3])))
    first, second = cells(of_answer(answer, "a"))
    assert first[:4] == [
        "11",
        "yes, better",
        "gamma 0.1, 6 steps best of 2, biased",
        "1.000 → 0.500",
    ]
    assert first[5:] == ["−50 %", "no rival here"]
    assert second[:2] == ["17", "no, worse"]
    assert second[6].startswith("yes IPNDM 0.300, −0.300 (")


def test_equals_share_a_rank(tmp_path: Path) -> None:
    """As gamma 0 and the baseline that it is."""
    points = [edm(11, 1.0), gamma(0.0, 11, 1.0), Point("ipndm", 11, [1.5])]
    assert [line[:2] for line in ranked(answer_of(study(tmp_path, *points)))] == [
        ("1", "BDIA"),
        ("1", "EDM"),
        ("3", "IPNDM"),
    ]


def test_all_that_are_ranked_are_of_the_same_seeds(tmp_path: Path) -> None:
    """The rival had nothing to choose: its own answer is of all blocks, beside what was chosen it is of the others."""
    points = [edm(11, 1.0, 1.0, 1.0), gamma(0.1, 11, 0.2, 0.9, 0.9), gamma(0.2, 11, 0.5, 0.5, 0.5)]
    answer = answer_of(study(tmp_path, *points, Point("ipndm", 11, [0.1, 0.7, 0.7])))
    assert [line[:3] for line in ranked(answer)] == [
        ("1", "IPNDM", "0.700"),
        ("2", "BDIA", "0.900"),
        ("3", "EDM", "1.000"),
    ]
    assert "here on the seeds of those that were chosen" in ranking(answer)
    (line,) = cells(of_answer(answer, "a"))
    assert line[6].startswith("yes IPNDM 0.700, −0.200")


def test_a_glance_leads_to_the_answers(tmp_path: Path) -> None:
    answer = answer_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5)))
    assert 'id="answer-1"' in of_answer(answer, "answer-1")
    assert re.findall('href="#(.*?)"', glance([answer, answer])) == ["answer-0", "answer-1"]


def test_a_ranking_where_more_is_better(tmp_path: Path) -> None:
    points = [edm(11, 1.0), gamma(0.1, 11, 3.0), gamma(0.2, 11, 2.0), Point("ipndm", 11, [0.4])]
    answer = answer_of(study(tmp_path, *points, keep=False, higher_is_better=["fd_digits"]))
    assert [line[:3] for line in ranked(answer)] == [
        ("1", "BDIA", "3.000"),
        ("2", "EDM", "1.000"),
        ("3", "IPNDM", "0.400"),
    ]
    assert "more is better" in of_answer(answer, "x")
