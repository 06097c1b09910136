"""The exception that a user's mistake raises, and how a command ends with it; and what a damaged file raises."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bdia_edm.base.lines import to_stderr

__all__ = ["DamagedError", "UserError", "one_line_errors"]


class UserError(Exception):
    """What is wrong, where, and what is allowed: one line, shown without a traceback, exit status 2."""


class DamagedError(Exception):
    """A file of this program's own is not what it should be and must be made again; the message says how."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the process with status 2 and one line on stderr for a user's mistake, or a file system's."""
    try:
        yield
    except (UserError, OSError) as error:
        to_stderr(f"error: {error}")
        sys.exit(2)
