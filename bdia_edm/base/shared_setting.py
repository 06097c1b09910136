"""A setting of the whole process that several threads may want changed at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

__all__ = ["SharedSetting"]

T = TypeVar("T")


class SharedSetting(Generic[T]):
    """Changed when the first comes in and put back when the last one is out.

    Args:
        change: makes the change; returns what was before.
        put_back: takes that.
    """

    def __init__(self, change: Callable[[], T], put_back: Callable[[T], object]) -> None:
        self._change, self._put_back = change, put_back
        self._lock = threading.Lock()
        self._before: list[T] = []
        self._within = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The setting is changed within."""
        with self._lock:
            if not self._within:
                self._before = [self._change()]
            self._within += 1
        try:
            yield
        finally:
            with self._lock:
                self._within -= 1
                if not self._within:
                    self._put_back(self._before.pop())
