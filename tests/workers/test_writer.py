"""The thread that writes: in order, one behind, to the end; and its errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bdia_edm.workers.writer import Writer

LONG = 10


def fail() -> None:
    raise OSError("the disk is full")


def within(use: Callable[[Writer], object]) -> None:
    with Writer() as writer:
        use(writer)


def give(*calls: Callable[[], object]) -> None:
    within(lambda writer: [writer.give(call) for call in calls])


def test_it_writes_in_order_while_another_thing_is_done() -> None:
    done: list[int] = []
    goes_on = threading.Event()

    def first() -> None:
        assert goes_on.wait(LONG)
        done.append(1)

    with Writer() as writer:
        writer.give(first)
        assert done == []
        goes_on.set()
        # No more than one is behind.
        writer.give(lambda: done.append(2))
        assert done[0] == 1
    assert done == [1, 2]


def test_an_error_is_raised_when_it_is_left() -> None:
    with pytest.raises(OSError, match="the disk is full"):
        give(fail)


def test_an_error_is_raised_when_it_is_given_more() -> None:
    done: list[int] = []
    with pytest.raises(OSError, match="the disk is full"):
        give(fail, lambda: done.append(1))
    assert done == []


def test_an_error_is_seen_in_between() -> None:
    """And raised as the error itself, of whatever kind."""

    def look(writer: Writer) -> None:
        writer.check()
        writer.give(fail)
        for _ in range(LONG * 100):
            writer.check()
            time.sleep(0.01)
        pytest.fail("it was not seen")

    with pytest.raises(OSError, match="the disk is full"):
        within(look)


def test_what_was_given_is_done_whatever_happens_beside_it() -> None:
    begun, done = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        time.sleep(0.2)
        done.set()

    def interrupted(writer: Writer) -> None:
        writer.give(slow)
        assert begun.wait(LONG)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        within(interrupted)
    assert done.is_set()


def test_another_error_than_its_own_stands() -> None:
    def fails(writer: Writer) -> None:
        writer.give(fail)
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        within(fails)
