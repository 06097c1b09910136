"""SIGTERM, SIGHUP and Ctrl-C: a command says what is kept and ends soon, with the exit status of a shell."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["GRACE", "Interrupted", "interruptible", "is_nohup", "quoted_status"]

GRACE = 5.0
"""Seconds in which the main thread can end in good order; it may be in a long computation that hears no signal."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def quoted_status(number: int) -> int:
    """The exit status of a process that a signal ended: 143 for SIGTERM, 130 for SIGINT, 129 for SIGHUP."""
    return 128 + number


def is_nohup(number: int) -> bool:
    """Whether this is the signal of a terminal that is closed, and whoever started this process wants it ignored."""
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


@contextmanager
def interruptible(last_words: Callable[[], object]) -> Iterator[None]:
    """Raises Interrupted in the main thread on SIGTERM, SIGINT and SIGHUP; nohup's ignoring of that stays.

    Args:
        last_words: called where the main thread does not hear of it within GRACE seconds; the process then ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    ended = threading.Event()
    before = {number: signal.signal(number, _raise) for number in _SIGNALS if not is_nohup(number)}
    # The bytes that come there are the numbers of signals, as they come.
    old_descriptor = signal.set_wakeup_fd(ends[1].fileno(), warn_on_full_buffer=False)
    ends[0].setblocking(True)
    threading.Thread(target=_watch, args=(ends[0], ended, last_words), name="signals", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(old_descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        ends[1].close()


def _raise(number: int, frame: FrameType | None) -> None:
    # Once is enough: a second one must not come in between the first one's good order.
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(number)


def _watch(end: socket.socket, ended: threading.Event, last_words: Callable[[], object]) -> None:
    with end:
        while received := end.recv(1):
            if received[0] in _SIGNALS and not ended.wait(GRACE):
                last_words()
                os._exit(quoted_status(received[0]))
