"""Files that are there whole or not at all, whoever else writes them and whenever the process is killed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["PARTIAL", "clear_partials", "clear_partials_below", "write_text_whole", "written_whole"]

PARTIAL = ".partial"
"""How names end that are being written."""


@contextmanager
def written_whole(path: Path, durable: bool = False) -> Iterator[Path]:
    """Gives a temporary name beside ``path`` to write to; in the end the file is renamed, after an error removed.

    The name is nobody else's, on no other machine either (process ids of two nodes can be the same).

    Args:
        durable: the content is on the disk before the file has its name, so that it also survives a power cut.
    """
    partial = path.with_name(f"{path.name}.{uuid4().hex}{PARTIAL}")
    try:
        yield partial
        if durable:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str, durable: bool = False) -> None:
    """Writes the text in UTF-8, as ``written_whole`` does."""
    with written_whole(path, durable) as partial:
        partial.write_text(text, encoding="utf-8")


def clear_partials(path: Path) -> None:
    """Removes what killed writers of the file ``path`` left; nobody may be writing it."""
    for partial in path.parent.iterdir():
        if re.fullmatch(re.escape(path.name) + r"\.[0-9a-f]{32}" + re.escape(PARTIAL), partial.name):
            partial.unlink(missing_ok=True)


def clear_partials_below(folder: Path) -> None:
    """Removes what killed writers left in ``folder`` and below; nobody may be writing there."""
    for partial in folder.rglob(f"*{PARTIAL}"):
        partial.unlink(missing_ok=True)
