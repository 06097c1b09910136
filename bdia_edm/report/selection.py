"""How a comparison chose an option's values on seeds that it does not report: kept beside its tables, as JSON.

Runs are known by the names of their folders, which are made of all that decides their figures. So a table of all
records below tells those that chose from those that are reported, which are blocks of the same series.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, cast

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.records.json_types import checked, parse
from bdia_edm.records.record import to_json
from bdia_edm.records.text_files import read_text
from bdia_edm.report.group import Value
from bdia_edm.report.verdict import Run

__all__ = ["Choice", "Selection", "has_chosen", "read_selections", "write_selection"]


class Choice(TypedDict):
    """Of the runs that differ in the option alone.

    Attributes:
        value: of the option, which was chosen.
        among: all values that there were, in the grid's order.
        choosing: folders of the runs on the choosing seeds.
        reporting: folders of the chosen one's runs on the others; none where there was one value, and no choice.
    """

    value: Value
    among: list[Value]
    choosing: list[str]
    reporting: list[str]


class Selection(TypedDict):
    """A comparison's choices.

    Attributes:
        option: the sampler's, whose values were chosen.
        metric: the figure that chose.
        seeds: that chose.
        choices: one for each sampler with several values of it.
    """

    option: str
    metric: str
    seeds: str
    choices: list[Choice]


def write_selection(folder: Path, selection: Selection) -> None:
    """Writes it into the folder, under a name of its own; those of other comparisons stay."""
    text = to_json(selection) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    write_text_whole(folder / f"selection-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json", text)


def read_selections(folder: Path) -> list[Selection]:
    """Those of the comparisons in the folder, and of a sweep's.

    Raises:
        UserError: a file is damaged.
    """
    return [_read(path) for where in ("", "comparison-*/") for path in sorted(folder.glob(f"{where}selection-*.json"))]


def _read(path: Path) -> Selection:
    try:
        return cast(Selection, checked(parse(read_text(path)), Selection))
    except (OSError, ValueError) as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise UserError(f"{path}: not a readable selection ({reason}); compare writes it again") from error


def has_chosen(run: Run, selections: Sequence[Selection]) -> bool:
    """Whether the run is one of those that chose, and so reports nothing."""
    name = "" if run.folder is None else run.folder.name
    return any(name in choice["choosing"] for selection in selections for choice in selection["choices"])
