"""The log of a run: what was said to the user while it was made, with times, from its first start to its end.

It is for people; the run itself does not depend on it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bdia_edm.base.lines import Say, harmless, one_line
from bdia_edm.base.urls import without_secrets
from bdia_edm.records.run_folder import RunFolder

__all__ = ["logged"]


@contextmanager
def logged(folder: Path, begin: str, say: Say) -> Iterator[Say]:
    """Gives a way to say lines that are also added to the log in ``folder``, as is how it begins and ends.

    Args:
        begin: what is begun.
        say: takes the lines for the user.
    """
    path = RunFolder(folder).log

    def both(line: str) -> None:
        say(line)
        _add(path, line)

    _add(path, begin)
    try:
        yield both
    except BaseException as error:
        _add(path, f"ended: {one_line(error)}")
        raise
    _add(path, "finished")


def _add(path: Path, line: str) -> None:
    """Adds a line with the time in UTC, where the file system takes it; nobody has to read what lies there instead."""
    with suppress(OSError), open(path, "a", encoding="utf-8", opener=_not_waiting) as file:
        words = without_secrets(harmless(line)).replace("\n", " ")
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {words}\n")


def _not_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK, 0o666)
