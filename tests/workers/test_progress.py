"""The bar and the lines of several workers."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time

import pytest
import torch.distributed as dist

from bdia_edm.workers import progress
from bdia_edm.workers.board import Board
from bdia_edm.workers.progress import Progress, describe


def boards(size: int = 2) -> list[Board]:
    store = dist.HashStore()
    return [Board(store, rank, size) for rank in range(size)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"_LOOK": 0.02, "_BEAT": 0.04, "_LINE": 0.2, "_SILENT": 0.3}.items():
        monkeypatch.setattr(progress, name, seconds)


def fail() -> None:
    raise AssertionError("the store is there")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ((98.24, 6400, 2, 2), "98.2 images/s, 1:05 left, 2/2 workers alive"),
        ((312.4, 2_000_000, 7, 8), "312 images/s, 1:46:42 left, 7/8 workers alive"),
        ((10.0, 0, 1, 1), "10.0 images/s"),
        ((0.0, 50, 1, 1), "0.0 images/s"),
    ],
)
def test_words(state: tuple[float, int, int, int], text: str) -> None:
    assert describe("images", *state) == text


def test_lines_where_stderr_is_no_terminal(quick: None) -> None:
    leader, other = boards()
    said: list[str] = []
    silent: list[str] = []
    with Progress(leader, 100, "edm 18 steps", "images", said.append, fail):
        with Progress(other, 100, "edm 18 steps", "images", silent.append, fail):
            leader.count_found(10)
            leader.count_made(20)
            other.count_made(30)
            other.tell("a shard was made again")
            time.sleep(0.5)
        # It is gone, and is missed.
        time.sleep(0.6)
    assert silent == []
    assert "a shard was made again" in said
    states = [line for line in said if line.startswith("edm 18 steps: 60 of 100 images, ")]
    assert 3 <= len(states) <= 7
    assert any(line.endswith(" left, 2/2 workers alive") for line in states[:-1])
    assert states[-1].endswith(" left, 1/2 workers alive")
    # What was found was not made now.
    assert 50 / 3 < float(states[-1].split("images, ")[1].split()[0]) < 50 / 1.1


def test_a_bar_on_a_terminal(quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    leader, _ = boards()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    said: list[str] = []
    with Progress(leader, 100, "edm 18 steps", "images", said.append, fail):
        leader.count_made(40)
        leader.tell("a line")
        time.sleep(0.3)
    shown = capsys.readouterr().err.split("\r")
    assert said == ["a line"]
    assert any("edm 18 steps:  40%|" in text and "40/100, " in text for text in shown)
    assert any(re.search(r"40/100, [\d.]+ images/s, 0:00 left, 2/2 workers alive", text) for text in shown)


def test_no_bar_where_nothing_is_to_be_shown(
    quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    leader, _ = boards()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    said: list[str] = []
    with Progress(leader, 100, "edm 18 steps", "images", said.append, fail, shown=False):
        leader.tell("a line")
    assert said == ["a line"]
    assert capsys.readouterr().err == ""


def test_a_store_that_is_gone_is_noticed(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    other = boards()[1]
    lost: list[int] = []
    with Progress(other, 100, "", "", str, lambda: lost.append(1)):

        def gone() -> None:
            raise dist.DistNetworkError("Broken pipe")

        monkeypatch.setattr(other, "beat", gone)
        time.sleep(0.3)
        assert lost == [1]


TERMINAL = """
import time
from bdia_edm.workers import progress
from bdia_edm.workers.board import Board
progress._LOOK = 0.02
board = Board()
with progress.Progress(board, 100, "edm 18 steps", "images", print, str):
    board.count_made(40)
    time.sleep(0.2)
"""


def test_a_terminal_of_unknown_size() -> None:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", TERMINAL], stderr=theirs, stdout=-3, check=True)
    os.close(theirs)
    assert "edm 18 steps:  40%|" in os.read(ours, 100_000).decode()
    os.close(ours)
