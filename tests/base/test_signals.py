"""Signals that end a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from bdia_edm.base.signals import Interrupted, interruptible, quoted_status

DEAF = """
import torch
from bdia_edm.base import signals
signals.GRACE = 0.5
torch.set_num_threads(1)
a = torch.rand(12000, 12000, dtype=torch.float64)
with signals.interruptible(lambda: print("last words", flush=True)):
    print("ready", flush=True)
    a @ a
"""


def be_told(number: signal.Signals, end: Callable[[], object] = str) -> None:
    with interruptible(str):
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_exception_in_the_main_thread(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        be_told(number)
    assert caught.value.number == number
    assert quoted_status(number) == {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}[number]
    assert signal.getsignal(number) == before
    # A program that knows Ctrl-C knows this.
    assert isinstance(caught.value, KeyboardInterrupt)


def test_the_second_signal_does_not_disturb_the_first() -> None:
    ended = False

    def end() -> None:
        nonlocal ended
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        ended = True

    with pytest.raises(Interrupted) as caught:
        be_told(signal.SIGTERM, end)
    assert ended
    assert caught.value.number == signal.SIGTERM


def test_nohup_stays() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(str):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_within_a_computation_that_hears_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        start = time.monotonic()
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert time.monotonic() - start < 3
    assert (process.returncode, out, err) == (143, "last words\n", "")
