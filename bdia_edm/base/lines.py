"""Lines for people: text from elsewhere in one line that cannot speak to the terminal, and who takes such lines.

Everything that this program prints goes through ``to_stderr`` or ``to_stdout`` (``tests/base/test_lines.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

__all__ = ["Say", "harmless", "one_line", "printable", "to_stderr", "to_stdout"]

Say = Callable[[str], object]
"""Takes a line for the user."""

_END = 200


def to_stderr(line: str) -> None:
    """A line for the user where results go to stdout."""
    print(harmless(line), file=sys.stderr, flush=True)


def to_stdout(text: str) -> None:
    """A result, in lines."""
    print(harmless(text), flush=True)


def harmless(text: str) -> str:
    """The text in its lines, whatever else would speak to the terminal escaped, wherever in it that comes from."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def printable(text: str) -> str:
    """Text from elsewhere as it is, or quoted where it would break a message's line or speak to the terminal.

    Of a text too long for a line its ends are told.
    """
    if len(text) > 2 * _END:
        text = f"{text[:_END]}...{text[-_END:]}"
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
