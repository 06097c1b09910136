"""Answers as HTML: the headline, what each NFE says, how sure that is, and the families ranked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bdia_edm.records.wording import shortened
from bdia_edm.report.names import paper_name
from bdia_edm.report.page.agreement import agreement, encoder_of
from bdia_edm.report.page.answer import Answer, Pick, Price
from bdia_edm.report.page.elements import Html, element, joined
from bdia_edm.report.page.figures import figure, interval, mirrored, relative
from bdia_edm.report.page.settings import setting, tried, tried_in_short
from bdia_edm.report.page.words import Told, counts, headline, how_sure, losses, others, rival, summary, verdict

__all__ = ["glance", "of_answer", "ranking"]

_CLASSES: tuple[str | bool, ...] = (False, "setting", "figures", "whole", False, "rival")
"""Of the cells of a line of an answer after its NFE."""


def glance(answers: Sequence[Answer]) -> Html:
    """Of each group a sentence, of all its encoders where there are several, with ways to the whole."""
    groups: dict[int, list[tuple[int, Answer]]] = {}
    for number, answer in enumerate(answers):
        groups.setdefault(id(answer.group), []).append((number, answer))
    lines = []
    for numbered in groups.values():
        # Of a single group its subject stands below.
        links = [
            element(
                "a",
                _subject(each) if place == 0 and len(groups) > 1 else paper_name(each.metric),
                href=f"#answer-{number}",
            )
            for place, (number, each) in enumerate(numbered)
        ]
        together = agreement([each for _, each in numbered])
        alone = [_told(summary(each), "span") for _, each in numbered]
        told = [element("strong", together)] if together else _spaced(alone)
        lines.append(joined(*_spaced(links), ": ", *told))
    if len(lines) == 1:
        return element("p", *lines, class_="glance")
    return element("ul", *(element("li", line) for line in lines), class_="glance")


def of_answer(answer: Answer, name: str) -> Html:
    """An article of one answer."""
    words, kind = headline(answer)
    encoder, metric = encoder_of(answer), paper_name(answer.metric)
    named = f"{metric}, encoder {encoder}" if len(answer.group.encoders) > 1 and encoder != metric else metric
    parts = [element("h3", f"By {named}: {answer.group.subject}"), element("p", words, class_=f"headline {kind}")]
    if answer.standings:
        lead = answer.standings[0]
        parts.append(
            element("p", "How sure? ", *_spaced([_told(each, "span") for each in how_sure(answer)]), class_="sure")
        )
        # Without a baseline the ranking says it all.
        if answer.group.baseline:
            parts.append(_at_each_nfe(answer, lead.family, lead.picks))
        loss, loss_kind = losses(lead, answer)
        on_all = f", on all {len(answer.group.seeds)} blocks" if answer.chose else ""
        facts = [
            (f"All settings{on_all}", joined(counts(lead, answer))),
            (f"Where does it lose{on_all}?", _told((loss, loss_kind), "span")),
        ]
        if len(answer.standings) > 1:
            facts.append(("The others", element("ul", *(element("li", each) for each in others(answer)))))
        pairs = [element("div", element("dt", term), element("dd", told)) for term, told in facts if told]
        parts.append(element("dl", *pairs))
    return element("article", *parts, id=name, class_="answer")


def ranking(answer: Answer) -> Html:
    """Each family's best at each NFE, the best first."""
    metric = paper_name(answer.metric)
    names = ["NFE", "rank", "sampler", "setting", metric, "less the best, 95 % interval", "against the best"]
    texts = (2, 3, 6)
    baseline = answer.group.baseline
    heads = [
        element("th", name, scope="col", class_=False if index in texts else "n") for index, name in enumerate(names)
    ]
    lines = [_ranked(price, answer) for price in answer.prices]
    where = ""
    if answer.chose:
        where = f"; where several were tried all at that NFE are of seeds {shortened('; '.join(answer.report), 48)}"
    table = element(
        "table",
        element(
            "caption",
            f"{_subject(answer)}: each sampler's best setting{f', and {baseline}' if baseline else ''}{where}",
        ),
        element("thead", element("tr", *heads)),
        element("tbody", *lines),
        class_="sortable",
    )
    return element(
        "div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Ranking: {_subject(answer)}"
    )


def _ranked(price: Price, answer: Answer) -> Html:
    entries: list[tuple[float, str, str, Pick | None]] = [
        (pick.ranked, pick.family, f"{setting(pick.row)} ({tried(pick)}{_where(pick, price)})", pick)
        for pick in price.picks
    ]
    if price.baseline is not None:
        entries.append((price.baseline, answer.group.baseline, "the baseline", None))
    entries.sort(key=lambda entry: answer.rank(entry[0]))
    first = entries[0]
    lines = []
    for place, (value, family, told, pick) in enumerate(entries, 1):
        # Equals share a rank.
        rank = 1 + next(index for index, each in enumerate(entries) if answer.rank(each[0]) == answer.rank(value))
        difference, kind = "", ""
        word = "" if place == 1 else "no interval"
        comparison = None
        if place > 1:
            if first[3] is None and pick is not None:
                comparison = pick.ranked_comparison
            elif pick is None and first[3] is not None and first[3].ranked_comparison is not None:
                # The first one's against the baseline, turned round.
                comparison = mirrored(first[3].ranked_comparison)
            elif pick is not None and pick.rival is not None and pick.rival.pick.row is getattr(first[3], "row", None):
                comparison = pick.rival.comparison
            difference = interval(value - first[0] if math.isfinite(value - first[0]) else None, comparison)
        if comparison is not None:
            word = comparison.verdict
            kind = {"better": "good", "worse": "bad"}.get(word, "even")
        lines.append(
            element(
                "tr",
                element("td", f"{price.nfe:g}", class_="n"),
                element("td", str(rank), class_="n"),
                element("th", family, scope="row"),
                element("td", told, class_="wide"),
                element("td", figure(value), class_="n"),
                element("td", difference, class_="n"),
                element("td", element("span", word, class_=f"badge {kind or 'unknown'}") if word else ""),
            )
        )
    return joined(*lines)


def _where(pick: Pick, price: Price) -> str:
    """Which seeds its figure here is of, where they are not those of its own answer."""
    return "; here on the seeds of those that were chosen" if price.is_of_others and pick.tried == 1 else ""


def _at_each_nfe(answer: Answer, family: str, picks: Sequence[Pick]) -> Html:
    baseline = answer.group.baseline
    less = "more" if answer.more_is_better else "less"
    heads = [
        "NFE",
        f"Does {family} help?",
        "With which setting?",
        f"{paper_name(answer.metric)}, {less} is better: {baseline} → {family}",
        "By how much, 95 % interval",
        "Relative",
        "Is a rival better?",
    ]
    lines = []
    for pick in picks:
        cells: list[list[str]] = [
            [_badge(verdict(pick, answer))],
            [
                setting(pick.row),
                " ",
                element("small", tried_in_short(pick), class_=pick.is_biased and "bad", title=tried(pick)),
            ],
            [f"{figure(pick.baseline) or '–'} → {figure(pick.figure)}"],
            ["" if pick.baseline is None else interval(pick.difference, pick.comparison)],
            [relative(pick)],
            [*_rival(rival(pick, answer))],
        ]
        # Where there is no room for columns each cell says its head.
        said = [head if head.endswith("?") else f"{head}:" for head in heads]
        named = [
            element(
                "td",
                *cell,
                class_=name,
                data_head=head,
                title=_seeds(pick, answer),
            )
            for head, cell, name in zip(said[1:], cells, _CLASSES, strict=True)
        ]
        lines.append(element("tr", element("th", f"{pick.row.nfe:g}", scope="row", data_head=said[0]), *named))
    table = element(
        "table",
        element("thead", element("tr", *(element("th", name, scope="col") for name in heads))),
        element("tbody", *lines),
        class_="at-nfe",
    )
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=f"{family} at each NFE")


def _seeds(pick: Pick, answer: Answer) -> str | bool:
    """For who asks which seeds a figure is of."""
    if not answer.chose:
        return False
    return f"on seeds {'; '.join(answer.report if pick.chosen_on == answer.chose else answer.group.seeds)}"


def _rival(told: Told) -> list[Html]:
    words, kind = told
    short, colon, rest = words.partition(": ")
    return [_badge((short, kind)), *([joined(" ", rest)] if colon else [])]


def _badge(told: Told) -> Html:
    return element("span", told[0], class_=f"badge {told[1]}")


def _told(told: Told, name: str) -> Html:
    words, kind = told
    return element(name, words, class_=kind or False)


def _spaced(parts: Sequence[Html]) -> list[Html]:
    return [joined(" " if number else "", part) for number, part in enumerate(parts)]


def _subject(answer: Answer) -> str:
    return f"{answer.group.subject}, {paper_name(answer.metric)}"
