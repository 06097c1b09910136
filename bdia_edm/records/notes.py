"""What a run leaves in its folder about itself while it is unfinished: a plan, and the error that ended it.

They are for people and for ``bdia_edm.status``; the run itself depends on neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.records.run_folder import RunFolder

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
    """

    total: int
    block_size: int
    found: int
    workers: int
    command: str


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
        return Plan(**json.loads(RunFolder(folder).plan.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_error(folder: Path) -> str | None:
    """What ended the run; None where nothing did."""
    try:
        return RunFolder(folder).error.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
