"""Files that are there whole or not at all, whoever else writes them and whenever the process is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside ``path`` to write to; in the end the file is renamed, after an error removed.

    The name is nobody else's, on no other machine either (process ids of two nodes can be the same).
    """
    partial = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
