"""How far a piece of work is: one bar for all its workers, or plain lines where stderr is no terminal.

Every worker has a thread that beats, so that the leader can count those alive; the leader's also shows. The threads
read and write counters on the board, and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from bdia_edm.base.lines import Say
from bdia_edm.workers.board import Board

__all__ = ["Progress", "describe"]

_LOOK = 0.5
_BEAT = 2.0
_LINE = 30.0
_SILENT = 10.0
"""Seconds: between two looks at the counters, two beats, two lines; after which silence a worker counts as gone."""


def describe(unit: str, rate: float, left: int, alive: int, size: int) -> str:
    """'98.2 images/s, 1:05 left, 2/2 workers alive'; a single worker is not counted."""
    parts = [f"{rate:.{1 if rate < 100 else 0}f} {unit}/s"]
    if left and rate > 0:
        minutes, seconds = divmod(round(left / rate), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append((f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}") + " left")
    if size > 1:
        parts.append(f"{alive}/{size} workers alive")
    return ", ".join(parts)


def _terminal_size() -> tuple[int, int]:
    """Columns and rows, 80 and 24 where the terminal does not know them, as some of containers do not."""
    try:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        columns, rows = 0, 0
    return columns or 80, rows or 24


class Progress:
    """While it is entered, this worker beats, and the leader shows how far all are.

    Args:
        board: the work's.
        total: its items.
        title: what is done.
        unit: what the items are, such as 'images'.
        say: takes the leader's lines for the user.
        lost: called, once, when the store is gone: the launcher has ended.
        shown: whether the leader shows how far all are; lines that they tell are said in any case.
    """

    def __init__(
        self,
        board: Board,
        total: int,
        title: str,
        unit: str,
        say: Say,
        lost: Callable[[], object],
        shown: bool = True,
    ) -> None:
        self._board, self._total, self._title, self._unit = board, total, title, unit
        self._say, self._lost, self._shown = say, lost, shown
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._beats = [0] * board.size
        self._heard = [time.monotonic()] * board.size
        self._start = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if self._board.rank == 0 and self._shown and sys.stderr.isatty():
            form = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
            columns, rows = _terminal_size()
            self._bar = tqdm(total=self._total, desc=self._title, bar_format=form, ncols=columns, nrows=rows)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._board.rank == 0:
            self._show(lines=True)
            if self._bar is not None:
                self._bar.close()

    def silence(self, rank: int) -> float:
        """Seconds since the leader last heard of this worker."""
        return time.monotonic() - self._heard[rank]

    def _run(self) -> None:
        beat = line = time.monotonic() - _BEAT
        try:
            while not self._ended.wait(_LOOK):
                now = time.monotonic()
                if now - beat >= _BEAT:
                    beat = now
                    self._board.beat()
                if self._board.rank == 0:
                    due = now - line >= _LINE
                    line = now if due else line
                    self._show(lines=due)
        # Whatever a store raises when its other end is gone.
        except RuntimeError:
            if not self._ended.is_set():
                self._lost()

    def _show(self, lines: bool) -> None:
        for text in self._board.new_lines():
            if self._bar is not None:
                self._bar.clear()
            self._say(text)
        made = self._board.made()
        done = self._board.found() + made
        rate = made / max(time.monotonic() - self._start, 1e-9)
        state = describe(self._unit, rate, self._total - done, self._count_alive(), self._board.size)
        if self._bar is not None:
            self._bar.n = done
            self._bar.set_postfix_str(state)
        elif lines and self._shown:
            self._say(f"{self._title}: {done} of {self._total} {self._unit}, {state}")

    def _count_alive(self) -> int:
        now = time.monotonic()
        for rank in range(self._board.size):
            beats = self._board.beats(rank)
            if beats != self._beats[rank]:
                self._beats[rank], self._heard[rank] = beats, now
        return sum(now - heard < _SILENT for heard in self._heard)
