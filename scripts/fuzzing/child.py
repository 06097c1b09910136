"""A process that reads one damaged input after the other and tells what came of it, in words, time and memory."""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import IO

import torch

from bdia_edm.base.errors import one_line_errors
from scripts.fuzzing.commands import Refused

__all__ = ["Case", "Child", "Observation", "Reader"]

_PROGRAM = "bdia_edm"
_SPARE_ADDRESSES = 4 << 30
"""Of address space, above which a case ends in a MemoryError and not in the machine's."""


@dataclass(frozen=True)
class Case:
    """One input: what the file is called where it is read, and what is in it."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Reader:
    """Something that reads what users give it.

    Attributes:
        name: for the command line and for folders.
        samples: good inputs, small.
        damage: makes a damaged input of a good one.
        read: reads the file at a path, in a folder of its own, in which it may lay other files; raises UserError
            or Refused.
    """

    name: str
    samples: Callable[[], list[Case]]
    damage: Callable[[Case, Random], Case]
    read: Callable[[Path], object]


@dataclass(frozen=True)
class Observation:
    """What came of a case.

    Attributes:
        outcome: 'read', 'refused', 'raised', 'endless' (killed) or 'died'.
        words: the error's message.
        said: what was written to stdout and stderr.
        where: of what was raised, the kind of exception and the place in this program.
        seconds, megabytes: what it took; of memory the peak above what was held before.
    """

    outcome: str
    words: str = ""
    said: str = ""
    where: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


class Child:
    """The process; it is started anew after a case that it did not survive."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._context = get_context("forkserver")
        # What the readers import is imported once, and forked from there.
        self._context.set_forkserver_preload(["scripts.fuzzing.readers"])
        self._start()

    def _start(self) -> None:
        self._connection, others = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(others, self._reader), daemon=True)
        self._process.start()
        others.close()

    def observe(self, case: Case, most_seconds: float) -> Observation:
        """Reads the case there; kills the process where that takes longer than ``most_seconds``."""
        if not self._process.is_alive():
            self._start()
        self._connection.send(case)
        # A little more than is allowed: what ends by itself tells where it was.
        if not self._connection.poll(most_seconds * 1.5):
            self.end()
            return Observation("endless", seconds=most_seconds * 1.5)
        try:
            found: Observation = self._connection.recv()
        except EOFError:
            self._process.join()
            return Observation("died", words=f"exit status {self._process.exitcode}")
        return found

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, reader: Reader) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory() as scratch:
        for number in (1, 2):
            os.dup2(said.fileno(), number)
        os.environ.update(BDIA_EDM_CACHE=f"{scratch}/cache", HOME=scratch)
        while True:
            try:
                case: Case = connection.recv()
            except EOFError:
                return
            folder = Path(scratch) / "case"
            folder.mkdir()
            os.chdir(folder)
            connection.send(_observe(reader, case, folder, said))
            os.chdir(scratch)
            shutil.rmtree(folder)


def _observe(reader: Reader, case: Case, folder: Path, said: IO[bytes]) -> Observation:
    path = folder / case.name
    path.write_bytes(case.data)
    said.seek(0)
    said.truncate()
    _limit_addresses()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = _megabytes("VmRSS")
    outcome, words, where, notices, shown = "read", "", "", "", io.StringIO()
    start = time.perf_counter()
    try:
        # As the commands end, so that the words are those that a user sees.
        with redirect_stderr(shown), one_line_errors():
            reader.read(path)
    except SystemExit:
        outcome, words, notices = "refused", *_error_and_notices(shown.getvalue().removesuffix("\n"))
    except Refused as error:
        outcome, words = "refused", str(error)
    except BaseException as error:  # what is looked for
        outcome, words, where = "raised", str(error)[:500], _place(error)
    seconds = time.perf_counter() - start
    megabytes = _megabytes("VmHWM") - before
    said.seek(0)
    text = said.read(1 << 20).decode("utf-8", "backslashreplace")
    text += shown.getvalue() if outcome == "read" else notices
    return Observation(outcome, words, text, where, seconds, megabytes)


def _error_and_notices(shown: str) -> tuple[str, str]:
    """What was said in the end, and the lines before: of files that are skipped, say."""
    notices, error, words = shown.partition("\nerror: ")
    return (error[1:] + words, notices) if error and not shown.startswith("error: ") else (shown, "")


def _limit_addresses() -> None:
    held = int(_megabytes("VmSize")) << 20
    resource.setrlimit(resource.RLIMIT_AS, (held + _SPARE_ADDRESSES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _megabytes(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1000


def _place(error: BaseException) -> str:
    """The kind of exception, and the innermost of this program's functions that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if f"/{_PROGRAM}/" in frame.filename]
    inner = f" in {Path(frames[-1].filename).stem}.{frames[-1].name}" if frames else ""
    return f"{type(error).__name__}{inner}"
