"""The page as one HTML file: no request leaves it, it opens from disk, and without JavaScript all of it can be read.

Of the same records every byte is the same.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.records.wording import shortened
from bdia_edm.report.best import best_of_many
from bdia_edm.report.columns import Cell, columns_of, of_layout
from bdia_edm.report.layout import Layout
from bdia_edm.report.page.answer import Answer
from bdia_edm.report.page.answering import answers_of
from bdia_edm.report.page.elements import Html, element, joined, listed
from bdia_edm.report.page.gallery import gallery
from bdia_edm.report.page.repeating import repeating
from bdia_edm.report.page.verdicts import glance, of_answer, ranking
from bdia_edm.report.rows import Group
from bdia_edm.report.tables import to_csv
from bdia_edm.report.verdict import BETTER, NOT_DISTINGUISHABLE, WORSE

__all__ = ["to_page", "write_page"]

_KINDS = {BETTER: "good", WORSE: "bad", NOT_DISTINGUISHABLE: "even"}
_NOTHING, _SIGNS = re.compile(r"^[+-]0\.000(?!\d)"), re.compile("^-")
_LARGEST_PLOT = 4_000_000
"""Bytes of a plot that finds room."""


def write_page(
    path: Path,
    groups: Sequence[Group],
    left_out: Sequence[str] = (),
    plots: Sequence[Path] = (),
    layout: Layout | None = None,
) -> None:
    """Writes the page.

    Args:
        groups: whose rows know their runs' folders, where the first images are.
        left_out: which records there are beside these, and why they are not shown.
        plots: SVG files, such as ``write_comparison`` returns.
        layout: the columns and figures of the tables, and the figures that answer; all where there is none.

    Raises:
        UserError: the page cannot be written, as where its folder does not exist.
    """
    text = to_page(groups, left_out, plots, layout)
    try:
        write_text_whole(path, text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({one_line(error.strerror or error)})") from error


def to_page(
    groups: Sequence[Group], left_out: Sequence[str] = (), plots: Sequence[Path] = (), layout: Layout | None = None
) -> str:
    """The page's HTML."""
    layout = layout or Layout()
    groups = of_layout(groups, layout)
    answers = answers_of(groups)
    sections = [
        ("verdict", "Verdict", _verdict(answers)),
        ("ranking", "Ranking at each NFE", joined(*(ranking(answer) for answer in answers if answer.prices))),
        ("tables", "Tables", _tables(groups, answers, left_out, layout)),
        ("plots", "Plots", joined(*map(_plot, plots))),
        ("pictures", "Same seeds, side by side", gallery(groups)),
        ("runs", "Runs, and how to repeat them", repeating(groups)),
    ]
    sections = [section for section in sections if section[2]]
    models = ", ".join(dict.fromkeys(group.model for group in groups))
    title = shortened(f"Does it help? {models}", 100)
    style, script = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hashed(style)}; script-src {_hashed(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="referrer", content="no-referrer"),
        element("meta", name_="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        Html(f"<style>{style}</style>"),
    )
    links = [element("a", name, href=f"#{key}") for key, name, _ in sections]
    download = element(
        "a",
        "Download CSV",
        href=f"data:text/csv;charset=utf-8,{quote(to_csv(groups))}",
        download="table.csv",
    )
    body = element(
        "body",
        element("a", "To the verdict", href="#verdict", class_="skip"),
        element(
            "header",
            element("h1", title),
            element("nav", *links, download, aria_label="Parts of the page"),
        ),
        element(
            "main",
            *(
                element(
                    "section", element("h2", name, id=f"{key}-head"), content, id=key, aria_labelledby=f"{key}-head"
                )
                for key, name, content in sections
            ),
        ),
        Html(f"<script>{script}</script>"),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _verdict(answers: Sequence[Answer]) -> Html:
    if not answers:
        return element("p", "Nothing was measured here, so nothing can be said.")
    numbered = list(enumerate(answers))
    top = glance(answers) if len(answers) > 1 else ""
    return joined(top, *(of_answer(answer, f"answer-{number}") for number, answer in numbered))


def _tables(groups: Sequence[Group], answers: Sequence[Answer], left_out: Sequence[str], layout: Layout) -> Html:
    parts = [joined(_table(group, layout), _chosen(group, answers), listed(_notes(group, answers))) for group in groups]
    return joined(*parts, listed([f"Left out: {line}" for line in left_out]))


def _chose(group: Group, answers: Sequence[Answer]) -> Answer | None:
    """An answer of the group whose settings one block chose for the others."""
    return next((answer for answer in answers if answer.group is group and answer.chose), None)


def _notes(group: Group, answers: Sequence[Answer]) -> list[str]:
    """The table's, but that to choose on other seeds is to be done: the page has done it."""
    done = best_of_many(group) if _chose(group, answers) is not None else []
    return [note for note in group.notes if note not in done]


def _chosen(group: Group, answers: Sequence[Answer]) -> Html:
    """Why the answers have other figures than the table, and where they stand."""
    answer = _chose(group, answers)
    if answer is None:
        return Html()
    return element(
        "p",
        f"This table is of all {len(group.seeds)} blocks of seeds. Where several settings were tried the answers above "
        f"are chosen on {shortened(answer.chose, 48)} and reported on {shortened('; '.join(answer.report), 48)}: their "
        "figures stand under ",
        element("a", "Ranking at each NFE", href="#ranking"),
        ". The best of this table was chosen on the seeds that are reported here, and so looks better than it is.",
    )


def _table(group: Group, layout: Layout) -> Html:
    columns = columns_of(group, str, layout)
    head = [(column.name, column.is_text) for column in columns]
    rows = [[column.cell(row) for column in columns] for row in group.rows]
    heads = [element("th", name, scope="col", class_=False if is_text else "n") for name, is_text in head]
    lines = [
        element(
            "tr",
            *(_cell(cell, name, is_text) for cell, (name, is_text) in zip(row, head, strict=True)),
        )
        for row in rows
    ]
    return element(
        "div",
        element(
            "table",
            element("caption", group.title),
            element("thead", element("tr", *heads)),
            element("tbody", *lines),
            class_="sortable",
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=f"Table: {group.subject}",
    )


def _cell(cell: Cell, name: str, is_text: bool) -> Html:
    """A verdict in its colour; the best, where it is one, stands out."""
    if name == "sampler":
        return element("th", cell.text, scope="row")
    if is_text and cell.text in _KINDS:
        return element("td", element("span", cell.text, class_=f"badge {_KINDS[cell.text]}"))
    shown = cell.text if is_text else _SIGNS.sub("−", _NOTHING.sub("0.000", cell.text))
    text = element("strong", shown) if cell.is_best else shown
    return element("td", text, class_=not is_text and "n")


def _plot(path: Path) -> Html:
    """As an image, in which nothing can run and whose names are its own."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: not readable ({one_line(error.strerror or error)})") from error
    if len(content) > _LARGEST_PLOT:
        return element("p", f"{path.name} is too large for this page.")
    size = re.search(rb'<svg[^>]*? height="([\d.]+)pt"[^>]*? width="([\d.]+)pt"', content) or re.search(
        rb'<svg[^>]*? width="(?P<w>[\d.]+)pt"[^>]*? height="(?P<h>[\d.]+)pt"', content
    )
    sizes: dict[str, str | bool] = {}
    if size:
        named = size.groupdict()
        width, height = (named["w"], named["h"]) if named else (size[2], size[1])
        sizes = {"width": str(round(float(width) * 4 / 3)), "height": str(round(float(height) * 4 / 3))}
    url = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    what = f"Plot {path.stem}: what it shows stands in the tables in figures."
    return element(
        "figure", element("img", src=url, alt=what, **sizes), element("figcaption", path.name), class_="plot"
    )
