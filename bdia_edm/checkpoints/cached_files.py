"""What is in the cache of fetched files, and taking it out again."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_lock import is_locked, locked
from bdia_edm.base.lines import to_stderr
from bdia_edm.base.whole_files import PARTIAL
from bdia_edm.checkpoints.downloads import LOCK, NOTES, SIDECAR, cache_folder, cached_path, lock_of, sidecar_of

__all__ = ["CachedFile", "cached_files", "chosen", "take_out"]

_PARTIAL = re.compile(r"\.[0-9a-f]{32}" + re.escape(PARTIAL) + "$")


class CachedFile(NamedTuple):
    """A file of the cache.

    Attributes:
        name: its path in the cache, which is its URL's; of a partial one with what was added to it.
        num_bytes: on the disk; a link has those of the file that it leads to, which are kept when it goes.
        whole: whether it is no rest of a download that was killed or is under way.
        in_use: whether a process holds its lock: it is downloaded.
    """

    path: Path
    name: str
    num_bytes: int
    whole: bool
    in_use: bool


def cached_files() -> list[CachedFile]:
    """All files of the cache but its own notes, by their names.

    Raises:
        OSError: a folder of it cannot be read.
    """
    found: list[CachedFile] = []
    folder = cache_folder()
    for root, folders, names in os.walk(folder, onerror=_refuse):
        if Path(root) == folder and NOTES in folders:
            folders.remove(NOTES)
        for name in names:
            path, whole = Path(root, name), not _PARTIAL.search(name)
            if name.endswith((SIDECAR, LOCK)) or not path.is_file():
                continue
            in_use = is_locked(lock_of(_whole(path)))
            found.append(CachedFile(path, str(path.relative_to(folder)), path.stat().st_size, whole, in_use))
    return sorted(found, key=lambda file: file.name)


def chosen(files: Sequence[CachedFile], names: Sequence[str]) -> list[CachedFile]:
    """The files of these names: as listed, the last part of that alone where only one file has it, or a URL.

    Raises:
        UserError: there is none, or several, of a name.
    """
    found: list[CachedFile] = []
    for name in names:
        listed = str(cached_path(name).relative_to(cache_folder())) if "://" in name else name
        fitting = [file for file in files if listed in (file.name, file.path.name, str(file.path))]
        if len(fitting) != 1:
            how = "several files have this name" if fitting else "no such file in the cache"
            raise UserError(f"{name}: {how}; give a path as 'checkpoint list' prints it, or a URL")
        found += fitting
    return list(dict.fromkeys(found))


def take_out(file: CachedFile) -> int | None:
    """Removes a file with its recorded checksum; the bytes freed, None where it is being downloaded and stays.

    Raises:
        OSError: it cannot be removed.
    """
    whole = _whole(file.path)
    # Whoever takes the lock between is waited for.
    if is_locked(lock_of(whole)):
        return None
    freed = 0 if file.path.is_symlink() else file.num_bytes
    with locked(lock_of(whole), to_stderr, f"waiting for another process that downloads {whole}", ""):
        file.path.unlink(missing_ok=True)
        if file.whole:
            sidecar_of(whole).unlink(missing_ok=True)
    for folder in whole.parents:
        if folder == cache_folder() or any(folder.iterdir()):
            break
        folder.rmdir()
    return freed


def _whole(path: Path) -> Path:
    """The file that a partial one was to become."""
    return path.with_name(_PARTIAL.sub("", path.name))


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
