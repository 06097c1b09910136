"""One file received over HTTP: whole, or refused in words; bounded in size and in time, whatever the server does.

The bounds are for the file of any URL: what a server announces beyond ``MOST_BYTES``, or beyond what the file's card
says instead, is refused at once, what goes on beyond it when it does so, and one that comes slower than ``SLOWEST``
after a grace of ``GRACE_SECONDS`` then, be it by a byte a second in the headers.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin

from tqdm import tqdm

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.late_module import LateModule
from bdia_edm.base.lines import one_line, to_stderr
from bdia_edm.base.urls import is_allowed, without_secrets

# They take a fifth of a second to import, and few commands download anything.
if TYPE_CHECKING:
    import pooch
    import requests
    import urllib3
else:
    pooch, requests, urllib3 = LateModule("pooch"), LateModule("requests"), LateModule("urllib3")

__all__ = ["MOST_BYTES", "Refused", "refuse_content", "transfer_patiently"]

ATTEMPTS = 5
BACKOFF_SECONDS = 1.0  # before the second attempt; doubled before each further one, so 15 seconds in all
TIMEOUTS_SECONDS = (10.0, 30.0)  # to connect; of silence, not for the whole file
CHUNK_BYTES = 1 << 18
MOST_BYTES = 8 << 30
"""Of a file whose card says nothing else: the largest that is known here, DINOv2's giant network, has 4.5 GB."""
GRACE_SECONDS = 300.0
SLOWEST = 50_000
"""Bytes a second, on average after the grace: the largest file then takes two days."""
_LOOK_SECONDS = 0.2


class Refused(Exception):
    """An answer that another attempt would not change."""


def transfer_patiently(
    url: str, partial: Path, path: Path, checksum_known: bool, progress: bool, most_bytes: int = MOST_BYTES
) -> None:
    """Receives the file at ``url`` in ``partial``, again after failures that may pass, with a pause twice as long.

    Args:
        path: where it will be, for the messages.
        checksum_known: whether a partial file would be found out.
        most_bytes: a larger file is refused.

    Raises:
        UserError: it cannot be had.
        OSError: it cannot be written.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _in_time(partial, most_bytes, lambda file: _transfer(url, file, path.name, checksum_known, progress))
            refuse_content(partial)
            return
        # urllib3's own errors, and ValueError of redirects that are no URLs, come through requests here and there.
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, Refused) as error:
            reason = without_secrets(_reason(error))
            if attempt == ATTEMPTS or not _may_pass(error):
                tried = f"; tried {attempt} times" if attempt > 1 else ""
                shown = without_secrets(url)
                raise UserError(f"cannot download {shown} ({reason}{tried}); put the file at {path}") from error
        pause = BACKOFF_SECONDS * 2 ** (attempt - 1)
        to_stderr(f"downloading {path.name} failed ({reason}); trying again in {pause:g} s")
        time.sleep(pause)


def _in_time(partial: Path, most_bytes: int, work: Callable[[_BoundedFile], None]) -> None:
    """Does the work, which writes ``partial``, in a thread that is left to itself where it takes too long.

    Only so is a server bounded that sends a byte now and then, wherever the libraries wait for the next one.
    """
    errors: list[BaseException] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            with partial.open("wb") as file:
                work(_BoundedFile(file, most_bytes, given_up))
        except BaseException as error:
            errors.append(error)

    thread, start = threading.Thread(target=run, daemon=True), time.monotonic()
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
        received = partial.stat().st_size if partial.exists() else 0
        seconds = time.monotonic() - start
        if thread.is_alive() and seconds > GRACE_SECONDS + received / SLOWEST:
            given_up.set()
            raise Refused(f"{received} bytes came in {seconds:.0f} s; must be {SLOWEST} a second or more")
    if errors:
        raise errors[0]


class _BoundedFile:
    """The file being received, as pooch writes it."""

    def __init__(self, file: IO[bytes], most_bytes: int, given_up: threading.Event) -> None:
        self._file, self.most_bytes, self._given_up, self._received = file, most_bytes, given_up, 0

    def write(self, data: bytes) -> int:
        self._received += len(data)
        if self._received > self.most_bytes:
            raise Refused(f"more than {_in_words(self.most_bytes)}")
        if self._given_up.is_set():
            raise Refused("it took too long")
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _transfer(url: str, file: _BoundedFile, name: str, checksum_known: bool, progress: bool) -> None:
    """One attempt to receive the body at ``url`` by pooch's downloader."""
    answers: list[requests.Response] = []

    def examine(answer: requests.Response, *_: Any, **__: Any) -> None:  # requests calls it before it reads the body
        _refuse_answer(answer, checksum_known, file.most_bytes)
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
        downloader(url, file, None)
    announced, received = answers[-1].headers.get("Content-Length"), answers[-1].raw.tell()
    # urllib3 checks the length itself from version 2 on, and requests then raises this; but it allows 1.26 too.
    if announced is not None and received != int(announced):
        raise requests.exceptions.ChunkedEncodingError(f"{received} bytes came, the server announced {announced}")


def _refuse_answer(answer: requests.Response, checksum_known: bool, most_bytes: int) -> None:
    """Refuses an answer by its headers. Errors (4xx, 5xx) pass: pooch raises them."""
    if answer.is_redirect:
        try:
            target = urljoin(answer.url, answer.headers["Location"])
        except ValueError as error:
            raise Refused(f"the server redirects to what is no URL: {one_line(error, 100)}") from error
        if not is_allowed(target) or (answer.url.startswith("https:") and not target.startswith("https:")):
            raise Refused(f"the server redirects to {one_line(target)}, which is not https://")
    elif answer.ok:
        length = answer.headers.get("Content-Length")
        packed = answer.headers.get("Content-Encoding", "identity")
        coding = answer.headers.get("Transfer-Encoding", "chunked")
        if answer.status_code != 200:
            raise Refused(f"the server answers {answer.status_code} {one_line(answer.reason, 100)}, not 200")
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise Refused("it is an HTML page instead of the file")
        if packed.lower() != "identity":
            raise Refused(f"the server packs the file ({one_line(packed, 50)}), which it was asked not to do")
        if coding.strip().lower() != "chunked":
            raise Refused(f"the server sends the file in a way that is not read here ({one_line(coding, 50)})")
        if length is not None and not re.fullmatch("[0-9]{1,18}", length):
            raise Refused(f"the server announces a length of {one_line(length, 50)!r}")
        if length is not None and int(length) > most_bytes:
            raise Refused(f"the server announces {length} bytes, more than {_in_words(most_bytes)}")
        if length is None and "Transfer-Encoding" not in answer.headers and not checksum_known:
            raise Refused("the server announces no length, so that a partial file could pass for a whole one")


def _in_words(most_bytes: int) -> str:
    whose = "of any file" if most_bytes == MOST_BYTES else "that its card allows (most_bytes)"
    return f"the {most_bytes} bytes {whose}"


def refuse_content(path: Path) -> None:
    """Refuses a file that can be none of ours, whatever its checksum."""
    kind = kind_of(path)
    if kind.name in ("empty", "html", "lfs"):
        raise Refused(kind.words)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code == 429
    if _cause_number(error) == socket.EAI_NONAME:  # offline, or the name is wrong
        return False
    return isinstance(error, (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError))


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {one_line(error.response.reason or '', 100)}"
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
