"""Reading the small texts of a run's folder, whatever lies there under their names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["LARGEST", "read_text"]

LARGEST = 8 * 2**20
"""Bytes of the largest text: a record of 200,000 seeds that are no ranges, and little enough to be read at once."""


def read_text(path: Path) -> str:
    """The text of a regular file in UTF-8.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read, is no regular file (a FIFO or a device would be read without end) or is too large.
        ValueError: it is no UTF-8.
    """
    # Nobody may be writing to a FIFO: opening it must not wait for that.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no regular file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(f"it is larger than {LARGEST:,} bytes")
    return content.decode("utf-8")
