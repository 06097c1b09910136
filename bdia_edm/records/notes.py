"""What a run leaves in its folder about itself while it is unfinished: a plan, and the error that ended it.

They are for people and for ``bdia_edm.status``; the run itself depends on neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated

from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.records.json_types import AtLeast, checked, parse
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.text_files import read_text

__all__ = ["Plan", "forget_plan", "note_error", "plan_kept", "read_error", "read_plan"]

_LONGEST_ERROR = 10_000


@dataclass(frozen=True)
class Plan:
    """What a run was started for.

    Attributes:
        total: images of the run.
        block_size: images of a block, but for the last.
        found: images that were there at this start.
        workers: how many work on it.
        command: what the user typed.
        title: what tells the run from others, in words.
    """

    total: Annotated[int, AtLeast(1)]
    block_size: Annotated[int, AtLeast(1)]
    found: Annotated[int, AtLeast(0)]
    workers: Annotated[int, AtLeast(1)]
    command: str
    title: str = field(default="", compare=False)


@contextmanager
def plan_kept(folder: Path, plan: Plan) -> Iterator[None]:
    """The plan is in ``folder`` until the run is finished; where it ends in an error, so is the error."""
    names = RunFolder(folder)
    names.error.unlink(missing_ok=True)
    write_text_whole(names.plan, json.dumps(asdict(plan)))
    try:
        yield
    except Exception as error:
        note_error(folder, plan, error)
        raise
    forget_plan(folder)


def note_error(folder: Path, plan: Plan, error: Exception) -> None:
    """Leaves in ``folder`` what ended the run, and the plan where that is not there yet."""
    names = RunFolder(folder)
    # On a full disk not even that can be written.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if not names.plan.exists():
            write_text_whole(names.plan, json.dumps(asdict(plan)))
        write_text_whole(names.error, one_line(error, _LONGEST_ERROR))


def forget_plan(folder: Path) -> None:
    """Removes plan and error: the run is finished."""
    for path in (RunFolder(folder).plan, RunFolder(folder).error):
        path.unlink(missing_ok=True)


def read_plan(folder: Path) -> Plan | None:
    """The plan in ``folder``; None where there is none, or none of this program."""
    try:
        found = checked(parse(read_text(RunFolder(folder).plan)), Plan)
    except (OSError, ValueError):
        return None
    return Plan(**{each.name: found[each.name] for each in fields(Plan) if each.name in found})


def read_error(folder: Path) -> str | None:
    """What ended the run; None where nothing did."""
    try:
        return read_text(RunFolder(folder).error)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return f"{RunFolder(folder).error.name} is not readable: {one_line(error)}"
