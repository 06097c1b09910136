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

import hashlib
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pooch
import requests
from tqdm import tqdm

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_lock import locked
from bdia_edm.base.lines import one_line, to_stderr
from bdia_edm.base.whole_files import clear_partials, write_text_whole, written_whole

__all__ = ["cache_folder", "cached_path", "fetch", "file_sha256"]

ATTEMPTS = 5
BACKOFF_SECONDS = 1.0  # before the second attempt; doubled before each further one, so 15 seconds in all
TIMEOUTS_SECONDS = (10.0, 30.0)  # to connect; of silence, not for the whole file
CHUNK_BYTES = 1 << 18
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
SHA256 = re.compile("[0-9a-f]{64}")


class _Refused(Exception):
    """An answer that another attempt would not change."""


def cache_folder() -> Path:
    """The folder named by ``BDIA_EDM_CACHE``, or else ``bdia_edm`` in the user's cache folder."""
    named = os.environ.get("BDIA_EDM_CACHE")
    return Path(os.path.abspath(os.path.expanduser(named))) if named else Path(pooch.os_cache("bdia_edm"))


def cached_path(url: str) -> Path:
    """Where the file of ``url`` is kept, and where a user without a network may put it.

    The path is host/folders/name as in the URL (the layout of ``wget -x``), with a folder more for a port or a query,
    so that no two URLs share a file.

    Raises:
        UserError: the URL is not one that ``fetch`` may use, or does not name a file.
    """
    if not url.isprintable() or any(character in url for character in " \\@"):
        raise UserError(f"URL {url!r}: blanks, control characters, backslashes and '@' are not allowed")
    if not _is_allowed(url):
        raise UserError(f"{url}: must be an https:// URL; http:// is allowed only for {', '.join(LOOPBACK_HOSTS)}")
    parts = urlsplit(url)
    host, *names = [parts.hostname or "", *parts.path.split("/")[1:]]
    if not names or {"", ".", ".."} & {host, *names}:
        raise UserError(f"{url}: must be https://host/folders/name, without empty names, '.' and '..'")
    if names[-1].endswith((".sha256", ".lock")):
        raise UserError(f"{url}: names in .sha256 and .lock are the cache's own; fetch the file itself")
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


def fetch(url: str, sha256: str | None = None, *, progress: bool = True) -> Path:
    """The local path of the file at ``url``, downloaded if the cache does not have it, its checksum verified.

    A file that a user put at ``cached_path(url)`` is taken, and its checksum recorded.

    Args:
        sha256: the pinned checksum; without one, the checksum recorded when the file first came holds.
        progress: show a progress bar on stderr, if that is a terminal.

    Raises:
        UserError: the file cannot be had or kept, or is not the one that was pinned or recorded.
    """
    path = cached_path(url)
    pinned = None if sha256 is None else sha256.lower()
    if pinned is not None and not SHA256.fullmatch(pinned):
        raise UserError(f"{url}: the pinned sha256 must be 64 hexadecimal digits, it is {sha256!r}")
    try:
        if not path.is_file() or (pinned is None and _recorded(path) is None):
            with _exclusive(path):
                if not path.is_file():  # asked anew: whoever held the lock may have downloaded it
                    _download(url, path, pinned, progress)
                elif pinned is None and _recorded(path) is None:
                    _adopt(path)
        found, expected = file_sha256(path), pinned or _recorded(path)
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
            f"to accept this file delete {_sidecar(path)}, to download it again delete {path}"
        )
    return path


def _download(url: str, path: Path, pinned: str | None, progress: bool) -> None:
    """Downloads the file, holds it to the checksum pinned or recorded, if any, and puts it at ``path``."""
    if path.exists():
        raise UserError(f"{path}: is in the way of the file of {url}; it must be a file or absent")
    expected = pinned or _recorded(path)
    with written_whole(path) as partial:
        _transfer_patiently(url, partial, path, expected is not None, progress)
        found = file_sha256(partial)
        if pinned and found != pinned:
            raise UserError(f"{url}: its sha256 is {found}, pinned is {pinned}; put the right file at {path}")
        if expected and found != expected:
            raise UserError(
                f"{url}: its sha256 is {found}, recorded when it first came is {expected}; "
                f"to accept the new file delete {_sidecar(path)}, to keep the old one put it at {path}"
            )
        # The record goes first, before the file gets its name: killed between the two, the next download is still held
        # to this one.
        _record(path, found)


def _transfer_patiently(url: str, partial: Path, path: Path, checksum_known: bool, progress: bool) -> None:
    """Transfers the file, again after failures that may pass, with a pause twice as long each time."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(url, partial, path.name, checksum_known, progress)
            return
        except (requests.RequestException, _Refused) as error:
            reason = _reason(error)
            if attempt == ATTEMPTS or not _may_pass(error):
                tried = f"; tried {attempt} times" if attempt > 1 else ""
                raise UserError(f"cannot download {url} ({reason}{tried}); put the file at {path}") from error
        pause = BACKOFF_SECONDS * 2 ** (attempt - 1)
        to_stderr(f"downloading {path.name} failed ({reason}); trying again in {pause:g} s")
        time.sleep(pause)


def _transfer(url: str, partial: Path, name: str, checksum_known: bool, progress: bool) -> None:
    """One attempt to receive the body at ``url`` in the file ``partial``, by pooch's downloader."""
    answers: list[requests.Response] = []

    def examine(answer: requests.Response, *_: Any, **__: Any) -> None:  # requests calls it before it reads the body
        _refuse_answer(answer, checksum_known)
        answers.append(answer)

    # The total is provisional: tqdm has no truth value without one, pooch asks for it and then sets the real total.
    with tqdm(total=1, desc=name, unit="B", unit_scale=True, disable=None if progress else True) as bar:
        downloader = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=CHUNK_BYTES,
            timeout=TIMEOUTS_SECONDS,
            headers={"Accept-Encoding": "identity"},
            hooks={"response": examine},
        )
        downloader(url, str(partial), None)
    announced, received = answers[-1].headers.get("Content-Length"), answers[-1].raw.tell()
    # urllib3 checks the length itself from version 2 on, and requests then raises this; but it allows 1.26 too.
    if announced is not None and received != int(announced):
        raise requests.exceptions.ChunkedEncodingError(f"{received} bytes came, the server announced {announced}")
    _refuse_content(partial)


def _refuse_answer(answer: requests.Response, checksum_known: bool) -> None:
    """Refuses an answer by its headers. Errors (4xx, 5xx) pass: pooch raises them."""
    if answer.is_redirect:
        target = urljoin(answer.url, answer.headers["Location"])
        if not _is_allowed(target) or (answer.url.startswith("https:") and not target.startswith("https:")):
            raise _Refused(f"the server redirects to {target}, which is not https://")
    elif answer.ok:
        length = answer.headers.get("Content-Length")
        if answer.status_code != 200:
            raise _Refused(f"the server answers {answer.status_code} {answer.reason}, not 200")
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise _Refused("it is an HTML page instead of the file")
        if length is not None and not re.fullmatch("[0-9]+", length):
            raise _Refused(f"the server announces a length of {length!r}")
        if length is None and "Transfer-Encoding" not in answer.headers and not checksum_known:
            raise _Refused("the server announces no length, so that a partial file could pass for a whole one")


def _refuse_content(path: Path) -> None:
    """Refuses a file that can be none of ours, whatever its checksum."""
    with open(path, "rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise _Refused("it is empty")
    if start.startswith((b"<!doctype html", b"<html")):
        raise _Refused("it is an HTML page instead of the file")


def _may_pass(error: Exception) -> bool:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code == 429
    if _cause_number(error) == socket.EAI_NONAME:  # offline, or the name is wrong
        return False
    return isinstance(error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError))


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    cause = _cause(error)
    text = one_line(cause.args[0] if isinstance(cause, Exception) and cause.args else cause)
    return re.sub(r"^HTTPS?Connection\(.*?\): ", "", text)


def _cause(error: Exception) -> object:
    """requests wraps urllib3's error, which may wrap the socket's."""
    cause = error.args[0] if error.args else error
    return getattr(cause, "reason", None) or cause


def _cause_number(error: Exception) -> int | None:
    cause = _cause(error)
    found = cause.__cause__ if isinstance(cause, Exception) else None
    return found.errno if isinstance(found, socket.gaierror) else None


def _adopt(path: Path) -> None:
    """Takes a file that a user put at ``path``."""
    try:
        _refuse_content(path)
    except _Refused as error:
        raise UserError(f"{path}: {error}; delete it to download it, or put the right file there") from error
    _record(path, file_sha256(path))


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Holds the lock of the file at ``path``, and clears what killed downloads of it left."""
    waiting = f"waiting for another process that downloads {path}"
    without = f"{path.parent}: this file system has no locks; do not download the same file twice at once"
    with locked(Path(f"{path}.lock"), to_stderr, waiting, without):
        clear_partials(path)
        clear_partials(_sidecar(path))
        yield


def _record(path: Path, found: str) -> None:
    write_text_whole(_sidecar(path), f"{found}  {path.name}\n")


def _recorded(path: Path) -> str | None:
    try:
        words = _sidecar(path).read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return None
    if not words or not SHA256.fullmatch(words[0].lower()):
        raise UserError(f"{_sidecar(path)}: must begin with 64 hexadecimal digits; delete it to make it anew")
    return words[0].lower()


def _sidecar(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _is_allowed(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is not a number raises
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)
