"""Lines for people: text from elsewhere in one line that cannot speak to the terminal, and who takes such lines."""

from __future__ import annotations

import sys
from collections.abc import Callable

__all__ = ["Say", "one_line", "printable", "to_stderr"]

Say = Callable[[str], object]
"""Takes a line for the user."""


def to_stderr(line: str) -> None:
    """A line for the user where results go to stdout."""
    print(line, file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Text from elsewhere as it is, or quoted where it would break a message's line or speak to the terminal."""
    return text if text.isprintable() else repr(text)


def one_line(problem: object, most: int = 300, keep_end: bool = False) -> str:
    """What an error or another library's text says, in one line of at most ``most`` characters.

    An error without words is called by its kind.

    Args:
        keep_end: of a longer text keep the end, where tracebacks have their reason.
    """
    words = " ".join(str(problem).split())
    text = words[-most:] if keep_end else words[:most]
    if not text and isinstance(problem, BaseException):
        return type(problem).__name__
    return printable(text)
