"""Files fetched once and kept: checkpoints, reference statistics, detectors.

Promises:
- A file under its own name in the cache is whole: it is received under a temporary name, held to the length that the
  server announced and to its checksum, and only then renamed. A killed download leaves the temporary file alone.
- A file never changes unnoticed: its SHA-256 is the one pinned by the caller or the one recorded beside the file (in
  the format of ``sha256sum``) when it first came, and every later fetch verifies it.
- Processes that ask for the same file at once make one download.
- Nothing is fetched in clear text, and an HTML page is never taken for the file.
- Whatever fails is said in one line, with the URL and the path where the file may be put by hand.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_lock import locked
from bdia_edm.base.lines import one_line, to_stderr
from bdia_edm.base.urls import LOOPBACK_HOSTS, is_allowed, without_secrets
from bdia_edm.base.whole_files import clear_partials, write_text_whole, written_whole
from bdia_edm.checkpoints.transfer import MOST_BYTES, Refused, refuse_content, transfer_patiently

__all__ = ["LOCK", "NOTES", "SIDECAR", "cache_folder", "cached_path", "fetch", "file_sha256", "lock_of", "sidecar_of"]

SHA256 = re.compile("[0-9a-f]{64}")
SIDECAR, LOCK = ".sha256", ".lock"
NOTES = ".notes"
"""The folder of the cache where this program remembers what it measured; no host has such a name."""
_LONGEST_RECORD = 4096
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def cache_folder() -> Path:
    """The folder named by ``BDIA_EDM_CACHE``, or else ``bdia_edm`` in the user's cache folder.

    Raises:
        UserError: it lies in the user's home, and there is none.
    """
    named = os.environ.get("BDIA_EDM_CACHE")
    try:
        folder = os.path.expanduser(named or platformdirs.user_cache_dir("bdia_edm"))
    except (RuntimeError, KeyError):  # of newer platformdirs
        folder = "~"
    # What stays where a user has no entry in the system's list and no HOME, as in many containers.
    if folder.startswith("~"):
        raise UserError(f"BDIA_EDM_CACHE={named or ''}: must name a folder for what is fetched; this user has no home")
    return Path(os.path.abspath(folder))


def cached_path(url: str) -> Path:
    """Where the file of ``url`` is kept, and where a user without a network may put it.

    The path is host/folders/name as in the URL (the layout of ``wget -x``), with a folder more for a port or a query,
    so that no two URLs share a file.

    Raises:
        UserError: the URL is not one that ``fetch`` may use, or does not name a file.
    """
    if not url.isprintable() or any(character in url for character in " \\@"):
        shown = without_secrets(url)
        raise UserError(f"URL {shown!r}: blanks, control characters, backslashes, user names and '@' are not allowed")
    shown = without_secrets(url)
    if not is_allowed(url):
        raise UserError(f"{shown}: must be an https:// URL; http:// is allowed only for {', '.join(LOOPBACK_HOSTS)}")
    parts = urlsplit(url)
    host, *names = [parts.hostname or "", *parts.path.split("/")[1:]]
    if not names or {"", ".", ".."} & {host, *names}:
        raise UserError(f"{shown}: must be https://host/folders/name, without empty names, '.' and '..'")
    if names[-1].endswith((SIDECAR, LOCK)):
        raise UserError(f"{shown}: names in .sha256 and .lock are the cache's own; fetch the file itself")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    folder = cache_folder() / (host if port == 443 else f"{host}+{port}")
    if parts.query:
        names.insert(-1, "query-" + hashlib.sha256(parts.query.encode()).hexdigest()[:16])
    return folder.joinpath(*names)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(url: str, sha256: str | None = None, most_bytes: int | None = None, *, progress: bool = True) -> Path:
    """The local path of the file at ``url``, downloaded if the cache does not have it, its checksum verified.

    A file that a user put at ``cached_path(url)`` is taken, and its checksum recorded.

    Args:
        sha256: the pinned checksum; without one, the checksum recorded when the file first came holds.
        most_bytes: a download beyond it is refused; None for ``transfer.MOST_BYTES``.
        progress: show a progress bar on stderr, if that is a terminal.

    Raises:
        UserError: the file cannot be had or kept, or is not the one that was pinned or recorded.
    """
    path = cached_path(url)
    pinned = None if sha256 is None else sha256.lower()
    if pinned is not None and not SHA256.fullmatch(pinned):
        raise UserError(f"{without_secrets(url)}: the pinned sha256 must be 64 hexadecimal digits, it is {sha256!r}")
    try:
        if not path.is_file():
            with _exclusive(path):
                if not path.is_file():  # asked anew: whoever held the lock may have downloaded it
                    _download(url, path, pinned, progress, most_bytes or MOST_BYTES)
        expected = pinned or _recorded(path)
        if expected is None:
            return _take(path)
        found = file_sha256(path)
    except OSError as error:
        raise UserError(
            f"{error.filename or path}: {one_line(error.strerror or error)}; the cache folder {cache_folder()} "
            "must be writable and have room (BDIA_EDM_CACHE names another)"
        ) from error
    if found != expected and pinned:
        raise UserError(
            f"{path}: sha256 is {found}, pinned is {pinned}; delete the file to download it again, or pin its own "
            "sha256 to accept it"
        )
    if found != expected:
        raise UserError(
            f"{path}: sha256 is {found}, recorded when it first came is {expected}; "
            f"to accept this file delete {sidecar_of(path)}, to download it again delete {path}"
        )
    return path


def _download(url: str, path: Path, pinned: str | None, progress: bool, most_bytes: int) -> None:
    """Downloads the file, holds it to the checksum pinned or recorded, if any, and puts it at ``path``."""
    shown = without_secrets(url)
    if path.exists():
        raise UserError(f"{path}: is in the way of the file of {shown}; it must be a file or absent")
    expected = pinned or _recorded(path)
    with written_whole(path) as partial:
        transfer_patiently(url, partial, path, expected is not None, progress, most_bytes)
        found = file_sha256(partial)
        if pinned and found != pinned:
            raise UserError(f"{shown}: its sha256 is {found}, pinned is {pinned}; put the right file at {path}")
        if expected and found != expected:
            raise UserError(
                f"{shown}: its sha256 is {found}, recorded when it first came is {expected}; "
                f"to accept the new file delete {sidecar_of(path)}, to keep the old one put it at {path}"
            )
        # The record goes first, before the file gets its name: killed between the two, the next download is still held
        # to this one.
        _record(path, found)


def _take(path: Path) -> Path:
    """Takes a file that a user put at ``path``, and records its checksum where the cache can be written."""
    try:
        refuse_content(path)
    except Refused as error:
        raise UserError(f"{path}: {error}; delete it to download it, or put the right file there") from error
    try:
        with _exclusive(path):
            if _recorded(path) is None:
                _record(path, file_sha256(path))
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        to_stderr(f"{path}: taken as it is; no checksum is recorded beside it, and its folder cannot be written")
    return path


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Holds the lock of the file at ``path``, and clears what killed downloads of it left."""
    waiting = f"waiting for another process that downloads {path}"
    without = f"{path.parent}: this file system has no locks; do not download the same file twice at once"
    with locked(lock_of(path), to_stderr, waiting, without):
        clear_partials(path)
        clear_partials(sidecar_of(path))
        yield


def _record(path: Path, found: str) -> None:
    write_text_whole(sidecar_of(path), f"{found}  {path.name}\n")


def _recorded(path: Path) -> str | None:
    sidecar = sidecar_of(path)
    try:
        # Nothing that a shared cache may have in its place is waited for or followed.
        descriptor = os.open(sidecar, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise UserError(f"{sidecar}: is a link; delete it to make it anew") from error
    try:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        words = os.read(descriptor, _LONGEST_RECORD).decode("utf-8", "replace").split() if plain else []
    finally:
        os.close(descriptor)
    if not words or not SHA256.fullmatch(words[0].lower()):
        raise UserError(f"{sidecar}: must begin with 64 hexadecimal digits; delete it to make it anew")
    return words[0].lower()


def sidecar_of(path: Path) -> Path:
    """Where the checksum of a file of the cache is recorded."""
    return path.with_name(path.name + SIDECAR)


def lock_of(path: Path) -> Path:
    """What a process holds that downloads the file."""
    return path.with_name(path.name + LOCK)
