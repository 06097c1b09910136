"""Lines for people: text from elsewhere in one line that cannot speak to the terminal, and who takes such lines.

Everything that this program prints goes through ``to_stderr`` or ``to_stdout`` (``tests/base/test_lines.py``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

__all__ = ["Say", "harmless", "one_line", "printable", "size_words", "to_stderr", "to_stdout"]

Say = Callable[[str], object]
"""Takes a line for the user."""

_END = 200


def to_stderr(line: str) -> None:
    """A line for the user where results go to stdout."""
    _print(line, sys.stderr)


def to_stdout(text: str) -> None:
    """A result, in lines."""
    _print(text, sys.stdout)


def _print(text: str, stream: TextIO) -> None:
    try:
        print(harmless(text), file=stream, flush=True)
    except BrokenPipeError:
        # Who read it has enough ("| head"): nothing more is said, and what is to be done is done.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


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


def size_words(num_bytes: int) -> str:
    """A file's size for people: '4.2 MB'."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes} B"
