"""The boards on which workers tell each other what they do."""

from __future__ import annotations

import threading
import time

import pytest
import torch.distributed as dist

from bdia_edm.base.errors import UserError
from bdia_edm.workers.board import Board, TeamBoard, wait_until


def boards() -> tuple[Board, Board]:
    store = dist.HashStore()
    return Board(store, 0, 2), Board(store, 1, 2)


def test_a_board_of_ones_own() -> None:
    board = Board()
    assert (board.rank, board.size) == (0, 1)
    assert [board.draw() for _ in range(3)] == [0, 1, 2]
    assert board.outcome() is None
    board.announce("größer")
    assert board.outcome() == "größer"


def test_every_block_is_drawn_once() -> None:
    store = dist.HashStore()
    drawn: list[list[int]] = [[] for _ in range(4)]

    def draw(rank: int) -> None:
        board = Board(store, rank, 4)
        while (block := board.draw()) < 400:
            drawn[rank].append(block)

    threads = [threading.Thread(target=draw, args=[rank]) for rank in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(block for blocks in drawn for block in blocks) == list(range(400))


def test_counters_are_apart_and_shared() -> None:
    one, other = boards()
    one.count_found(10)
    other.count_made(30)
    one.count_made(-5)
    other.finish_block()
    assert (other.found(), one.made(), one.blocks_finished()) == (10, 25, 1)
    other.beat()
    other.beat()
    assert (one.beats(0), one.beats(1)) == (0, 2)
    other.be_idle()
    assert (one.is_idle(0), one.is_idle(1)) == (False, True)
    other.go_home()
    assert one.gone_home() == 1


def test_who_comes_late_finds_the_outcome() -> None:
    leader, other = boards()
    assert other.opened() is None
    leader.go("this work")
    assert other.opened() == "this work"
    assert not other.is_over()
    leader.announce("done")
    assert other.opened() is not None
    assert other.outcome() == "done"
    assert other.is_over()


def test_the_first_failure_stays() -> None:
    one, other = boards()
    one.check()
    other.fail("the first")
    one.fail("the second")
    for board in (one, other):
        with pytest.raises(UserError, match=r"^the first$"):
            board.check()
    assert not other.is_over()
    one.end_in_failure()
    assert other.is_over()


def test_what_ends_the_team_ends_its_work() -> None:
    store = dist.HashStore()
    team = TeamBoard(dist.PrefixStore("team", store))
    board = Board(dist.PrefixStore("work", store), 0, 2, team)
    board.check()
    assert not board.is_over()
    team.fail("rank 1: no such file")
    with pytest.raises(UserError, match=r"^rank 1: no such file$"):
        board.check()
    assert board.is_over()
    # The work's own is nearer.
    board.fail("its own")
    assert board.failure() == "its own"
    assert team.failure() == "rank 1: no such file"


def test_lines_come_once_and_in_order() -> None:
    leader, other = boards()
    other.tell("a")
    leader.tell("b")
    assert leader.new_lines() == ["a", "b"]
    other.tell("c")
    assert leader.new_lines() == ["c"]
    assert leader.new_lines() == []


def test_one_has_the_voice() -> None:
    board = TeamBoard(dist.HashStore())
    assert [board.claim_voice() for _ in range(3)] == [True, False, False]
    assert not board.has_spoken()
    board.end_speech()
    assert board.has_spoken()


def test_waiting_may_have_an_end() -> None:
    start = time.monotonic()
    assert not wait_until(lambda: False, 0.3)
    assert 0.3 <= time.monotonic() - start < 3
    looks = iter((False, False, True))
    assert wait_until(lambda: next(looks))
