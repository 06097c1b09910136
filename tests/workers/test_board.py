"""The workers' board and how they find each other."""

from __future__ import annotations

import threading

import pytest
import torch.distributed as dist

from bdia_edm.base.errors import UserError
from bdia_edm.workers.board import Board, Team, _agree, is_leader, launched_ranks


def test_a_board_of_ones_own() -> None:
    board = Board()
    assert (board.rank, board.size) == (0, 1)
    assert [board.add("drawn") for _ in range(3)] == [1, 2, 3]
    assert board.add("drawn", 0) == 3
    assert board.read("finished") is None
    board.post("finished", "größer")
    assert board.read("finished") == "größer"


def test_every_number_is_drawn_once() -> None:
    store = dist.HashStore()
    drawn: list[list[int]] = [[] for _ in range(4)]

    def draw(rank: int) -> None:
        board = Board(store, rank, 4)
        while (number := board.add("drawn")) <= 400:
            drawn[rank].append(number)

    threads = [threading.Thread(target=draw, args=[rank]) for rank in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for numbers in drawn for number in numbers) == list(range(1, 401))


def test_the_first_failure_stays() -> None:
    store = dist.HashStore()
    one, other = Board(store, 0, 2), Board(store, 1, 2)
    one.check()
    other.fail("the first")
    one.fail("the second")
    for board in (one, other):
        with pytest.raises(UserError, match=r"^the first$"):
            board.check()


def test_lines_come_once_and_in_order() -> None:
    store = dist.HashStore()
    leader, other = Board(store, 0, 2), Board(store, 1, 2)
    other.tell("a")
    leader.tell("b")
    assert leader.new_lines() == ["a", "b"]
    other.tell("c")
    assert leader.new_lines() == ["c"]
    assert leader.new_lines() == []


def test_a_team_has_a_clean_board_for_every_run() -> None:
    store = dist.HashStore()
    one, other = Team(store, 0, 2), Team(store, 1, 2)
    first, same = one.new_board(), other.new_board()
    first.post("finished", "x")
    assert same.read("finished") == "x"
    assert one.new_board().read("finished") is None
    assert other.new_board().read("finished") is None


def test_a_new_start_shares_nothing_with_the_last_one() -> None:
    """The launcher's store still holds what the processes before left in it."""
    store = dist.HashStore()
    names: list[str] = []
    for _ in range(5):
        agreed: dict[int, str] = {}

        def take_part(rank: int, agreed: dict[int, str] = agreed) -> None:
            agreed[rank] = _agree(store, rank, 3)

        threads = [threading.Thread(target=take_part, args=[rank]) for rank in (2, 0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert set(agreed) == {0, 1, 2}
        (name,) = set(agreed.values())
        names.append(name)
    assert len(set(names)) == 5


def test_who_started_us(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched_ranks() is None
    assert is_leader()
    # A rank alone, as other programs leave it in the environment, is no team.
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert launched_ranks() is None
    assert is_leader()
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert launched_ranks() == 2
    assert not is_leader()
