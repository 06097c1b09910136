"""Where files lie that hold an image each, a folder or a zip, and what messages call them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import IO, Protocol

from bdia_edm.base.lines import printable

__all__ = ["Container", "Folder", "Label", "Zip"]


class Container(Protocol):
    """Where files lie that hold an image each, by their names."""

    def has(self, name: str) -> bool: ...
    def open(self, name: str) -> IO[bytes]: ...
    def size(self, name: str) -> int: ...
    def label(self, name: str) -> str: ...
    def close(self) -> None: ...


class Folder:
    """A folder. Paths are texts here: to make pathlib's takes as long as to read a small image."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def has(self, name: str) -> bool:
        return os.path.isfile(self._at(name))

    def open(self, name: str) -> IO[bytes]:
        return open(self._at(name), "rb")

    def size(self, name: str) -> int:
        return os.stat(self._at(name)).st_size

    def label(self, name: str) -> str:
        return printable(str(Path(self._at(name))))

    def _at(self, name: str) -> str:
        return os.path.join(self._path, name)

    def close(self) -> None:
        """Every file is closed where it was opened."""


class Zip:
    """A zip, closed with it."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self.close = archive.close

    def has(self, name: str) -> bool:
        return name in self._archive.namelist()

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)

    def size(self, name: str) -> int:
        # What the entry says; zipfile unpacks no more than that.
        return self._archive.getinfo(name).file_size

    def label(self, name: str) -> str:
        return f"{self._path}: {printable(name)}"


class Label:
    """What messages call a file, put into words where there is a message."""

    def __init__(self, container: Container, name: str) -> None:
        self._container, self._name = container, name

    def __str__(self) -> str:
        return self._container.label(self._name)
