"""Each run's commands and config as HTML: what is needed to make its figures again."""

from __future__ import annotations

from collections.abc import Sequence

from bdia_edm.records.record import to_json
from bdia_edm.report.page.elements import Html, element, joined
from bdia_edm.report.page.settings import name_of
from bdia_edm.report.rows import Group, Row

__all__ = ["repeating"]


def repeating(groups: Sequence[Group]) -> Html:
    """A part to open for each row."""
    parts = []
    for group in groups:
        runs = [_run(row) for row in group.rows if row.runs]
        if runs:
            parts.append(joined(element("h3", group.subject), *runs))
    return joined(*parts)


def _run(row: Row) -> Html:
    """The row's commands, block by block, and the config of the first, from which the others differ in their seeds."""
    first = row.runs[0].record
    commands = [
        element("div", element("pre", element("code", run.record["command"]), tabindex="0"), class_="command")
        for run in row.runs
    ]
    config = first.get("config")
    device = first["device"].get("name", first["device"]["type"])
    versions = ", ".join(f"{name} {version}" for name, version in first.get("versions", {}).items())
    code = f"code {row.code}" if row.code else ""
    facts = "; ".join(part for part in (f"on {device}", code, versions) if part)
    shown = []
    if config is not None:
        lines = element("pre", to_json(config), tabindex="0")
        shown = [element("details", element("summary", "Config"), lines, class_="config")]
    number = "" if len(row.runs) == 1 else f" ({len(row.runs)} blocks of seeds)"
    return element(
        "details",
        element("summary", f"{name_of(row)}{number}"),
        *commands,
        element("p", facts, class_="facts"),
        *shown,
        class_="run",
    )
