"""A thread that leaves each finished block where all find it, while the next one is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

__all__ = ["UnwrittenError", "Writer"]


class UnwrittenError(Exception):
    """What was given could not be done; why, ``Writer`` raises when it is left."""


class Writer:
    """Calls what it is given, in order, in a thread of its own.

    No more than one call is under way, so that one block's results are held beside those of the block that is made.
    However it is left, what was given has been called to its end; what a call raised is raised then, or at the next
    ``give``.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "writer")
        self._last: Future[object] | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._pool.shutdown()
        # Another error than this is the first that happened.
        if error is None or isinstance(error, UnwrittenError):
            self._wait()

    def give(self, call: Callable[[], object]) -> None:
        """Has it called, when the one before has been."""
        self._wait()
        self._last = self._pool.submit(call)

    def check(self) -> None:
        """Raises UnwrittenError where the last call has failed; waits for nothing."""
        if self._last is not None and self._last.done() and self._last.exception() is not None:
            raise UnwrittenError

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
