"""How workers share a piece of work; they are threads here, and in the last tests processes."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
import torch.distributed as dist

from bdia_edm.base.errors import UserError
from bdia_edm.workers.board import Board, ToldError
from bdia_edm.workers.launch import launch
from bdia_edm.workers.sharing import announce_end, follow, lead, telling
from tests.processes import kill, workers_of
from tests.workers.squares import Numbers, Squares, squares_of


class Together:
    """A leader in this thread and a follower in another."""

    def __init__(self, folder: Path) -> None:
        store = dist.HashStore()
        self.boards = [Board(store, rank, 2) for rank in range(2)]
        self.works = [Squares(folder / "squares") for _ in range(2)]
        self.said: list[str] = []
        self.outcome: object = None
        self._thread = threading.Thread(target=self._follow)

    def share(self) -> list[list[int]]:
        self._thread.start()
        try:
            with telling(self.boards[0]):
                results = list(lead(self.works[0], self.boards[0], self.said.append))
                announce_end(self.boards[0], json.dumps(results))
        finally:
            self._thread.join(20)
        assert not self._thread.is_alive()
        return results

    def _follow(self) -> None:
        try:
            with telling(self.boards[1]):
                self.outcome = json.loads(follow(self.works[1], self.boards[1]))
        except UserError as error:
            self.outcome = error


@pytest.fixture
def together(tmp_path: Path) -> Together:
    return Together(tmp_path)


def test_the_results_are_all_there_in_order(together: Together) -> None:
    assert together.share() == squares_of(10)
    assert together.outcome == squares_of(10)
    assert together.said[-1].startswith("squares: 20 of 20 numbers, ")


def test_alone(tmp_path: Path) -> None:
    assert list(lead(Squares(tmp_path), Board(), str)) == squares_of(10)


@pytest.mark.parametrize("verbosity", ["quiet", "normal", "verbose"])
def test_what_is_said_meanwhile(verbosity: str, tmp_path: Path) -> None:
    """What a worker tells is said in any case."""
    said: list[str] = []
    work, board = Squares(tmp_path), Board()
    work.before = lambda block: board.tell(f"a warning of {block.index}")
    assert list(lead(work, board, said.append, verbosity)) == squares_of(10)
    assert [line for line in said if "warning" in line] == [f"a warning of {index}" for index in range(10)]
    how_far = [line for line in said if line.startswith("squares: 20 of 20 numbers")]
    blocks = [line for line in said if line.startswith("worker 0: ")]
    assert (len(how_far), len(blocks)) == {"quiet": (0, 0), "normal": (1, 0), "verbose": (1, 10)}[verbosity]
    for index, line in enumerate(blocks):
        assert line.startswith(f"worker 0: {tmp_path / str(index)}.json: 2 numbers in 0.")
    assert len(said) == 10 + len(how_far) + len(blocks)


def test_nobody_waits_for_a_slow_worker(together: Together) -> None:
    """The follower stays in its first block until the leader has made all others."""
    made: list[list[int]] = [[], []]
    all_others, has_drawn = threading.Event(), threading.Event()

    def leads(block: Numbers) -> None:
        assert has_drawn.wait(10)
        made[0].append(block.index)
        if len(made[0]) == 9:
            all_others.set()

    def follows(block: Numbers) -> None:
        has_drawn.set()
        assert all_others.wait(10)
        made[1].append(block.index)

    together.works[0].before, together.works[1].before = leads, follows
    assert together.share() == squares_of(10)
    assert [len(blocks) for blocks in made] == [9, 1]
    assert sorted(made[0] + made[1]) == list(range(10))


def test_what_is_there_is_not_made_again(together: Together) -> None:
    for work in together.works:
        work.before = lambda block: pytest.fail(f"{block.index} is there") if block.index < 4 else None
    together.works[0].prepare()
    for index, squares in enumerate(squares_of(4)):
        (together.works[0].folder / f"{index}.json").write_text(json.dumps(squares))
    assert together.share() == squares_of(10)
    assert together.said[0] == "resuming: 8 of 20 numbers are done"
    assert (together.boards[0].found(), together.boards[0].made()) == (8, 12)


def test_what_is_damaged_is_made_again_whenever_that_is_seen(tmp_path: Path) -> None:
    work = Squares(tmp_path)
    work.path(work.blocks[3]).write_text("[36, ")
    said: list[str] = []
    results = lead(work, Board(), said.append)
    # All blocks are made; these go before the results are read.
    work.path(work.blocks[5]).write_text("")
    work.path(work.blocks[6]).unlink()
    assert list(results) == squares_of(10)
    for index, reason in ((3, "no list of numbers"), (5, "no list of numbers"), (6, "it is gone")):
        assert f"{tmp_path / str(index)}.json: {reason}; made again" in said
    assert json.loads(work.path(work.blocks[6]).read_text()) == [144, 169]


def test_results_are_read_one_at_a_time(tmp_path: Path) -> None:
    work = Squares(tmp_path)
    results = lead(work, Board(), str)
    assert next(results) == [0, 1]
    work.path(work.blocks[1]).write_text("[7, 7]")
    assert next(results) == [7, 7]


def test_the_next_block_is_made_while_one_is_written(tmp_path: Path) -> None:
    """And a block counts as finished only when it is written."""
    work, board = Squares(tmp_path), Board()
    second_is_made = threading.Event()

    def writing(block: Numbers) -> None:
        if block.index == 0:
            assert second_is_made.wait(10)
            assert board.blocks_finished() == 0

    def before(block: Numbers) -> None:
        if block.index == 1:
            second_is_made.set()

    work.before, work.writing = before, writing
    assert list(lead(work, board, str)) == squares_of(10)
    assert board.blocks_finished() == 10


def test_what_cannot_be_written_ends_the_work(tmp_path: Path) -> None:
    """At the next batch, with the error that it met; what came before is there."""
    work, made = Squares(tmp_path), list[int]()

    def writing(block: Numbers) -> None:
        if block.index == 3:
            raise OSError("no space left")

    def before(block: Numbers) -> None:
        made.append(block.index)
        time.sleep(0.05)

    work.before, work.writing = before, writing
    with pytest.raises(OSError, match="no space left"):
        lead(work, Board(), str)
    assert made == [0, 1, 2, 3, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "1.json", "2.json"]


def test_an_error_of_a_block_leaves_the_one_before(tmp_path: Path) -> None:
    work = Squares(tmp_path)

    def before(block: Numbers) -> None:
        if block.index == 1:
            raise UserError("not finite")

    work.before, work.writing = before, lambda block: time.sleep(0.3)
    with pytest.raises(UserError, match="not finite"):
        lead(work, Board(), str)
    assert json.loads((tmp_path / "0.json").read_text()) == [0, 1]


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_one_ends_all(failing: int, together: Together) -> None:
    made: list[int] = []

    def fails(block: Numbers) -> None:
        raise UserError("seed 3: not finite")

    def goes_on(block: Numbers) -> None:
        made.append(block.index)
        # Slow enough for the other to have its turn.
        time.sleep(0.05)

    together.works[failing].before, together.works[1 - failing].before = fails, goes_on
    with pytest.raises(UserError, match=r"^seed 3: not finite$") as caught:
        together.share()
    assert not isinstance(caught.value, ToldError)
    assert isinstance(together.outcome, ToldError)
    assert str(together.outcome) == "seed 3: not finite"
    # Nobody went on to the end.
    assert len(made) < 9


def test_a_followers_error_waits_for_the_leader(together: Together) -> None:
    """Whoever started both ends the leader as soon as the follower ends, and it has the word."""
    leader_works, leader_knows = threading.Event(), threading.Event()

    def fails(block: Numbers) -> None:
        assert leader_works.wait(10)
        raise UserError("here")

    def goes_on(block: Numbers) -> None:
        leader_works.set()
        time.sleep(0.5)
        assert together.outcome is None
        leader_knows.set()

    together.works[1].before, together.works[0].before = fails, goes_on
    with pytest.raises(UserError, match="here"):
        together.share()
    assert leader_knows.is_set()
    assert str(together.outcome) == "here"


def test_work_that_was_done_before_is_over_for_all(together: Together) -> None:
    announcing = threading.Thread(target=announce_end, args=(together.boards[0], "done"))
    announcing.start()
    assert follow(together.works[1], together.boards[1]) == "done"
    announcing.join(5)
    assert not announcing.is_alive()
    assert not together.works[0].folder.exists()


def test_the_end_may_come_between_two_looks(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the follower saw opened is gone when it looks again, since the leader has announced the end."""
    leader, follower = together.boards
    seen = iter([together.works[1].identity, ""])
    leader.announce("done")
    monkeypatch.setattr(follower, "opened", lambda: next(seen))
    assert follow(together.works[1], follower) == "done"


def test_the_leader_stays_for_who_is_still_loading(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process may hold the store, without which the follower could not hear that all is over."""
    monkeypatch.setattr("bdia_edm.workers.sharing._PATIENCE", 0.1)
    announcing = threading.Thread(target=announce_end, args=(together.boards[0], "done"))
    announcing.start()
    time.sleep(1)
    assert announcing.is_alive()
    assert follow(together.works[1], together.boards[1]) == "done"
    announcing.join(5)
    assert not announcing.is_alive()


def test_the_leader_does_not_stay_for_who_failed_before(together: Together) -> None:
    together.boards[1].fail("it has no such file")
    start = time.monotonic()
    announce_end(together.boards[0], "done")
    assert time.monotonic() - start < 5


def test_a_worker_that_is_lost_is_not_waited_for(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that ends takes blocks with it, and where nobody starts again, nobody would make them."""
    monkeypatch.setattr("bdia_edm.workers.sharing._LOST", 1.0)
    assert together.boards[1].draw() == 0
    assert list(lead(together.works[0], together.boards[0], together.said.append)) == squares_of(10)
    assert "nothing was heard of worker 1 for 1 s; what they had not finished is made here" in together.said
    assert any(line.endswith("0.json: it is gone; made again") for line in together.said)


def test_a_worker_that_works_is_waited_for(together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than anyone may be silent: what counts is that it beats."""
    monkeypatch.setattr("bdia_edm.workers.sharing._LOST", 3.0)
    has_drawn = threading.Event()

    def slow(block: Numbers) -> None:
        has_drawn.set()
        time.sleep(5)

    together.works[0].before = lambda block: has_drawn.wait(10)
    together.works[1].before = slow
    assert together.share() == squares_of(10)
    assert not any("nothing was heard" in line for line in together.said)


@pytest.mark.parametrize("error", [None, UserError("seed 3: not finite"), FileNotFoundError("no such folder")])
def test_a_block_that_nobody_waited_for_is_left(error: Exception | None, together: Together) -> None:
    """Its worker was silent for so long that the leader made it; whatever it then met, the work is finished."""
    leader, follower = together.boards
    begun, over = threading.Event(), threading.Event()

    def before(block: Numbers) -> None:
        begun.set()
        assert over.wait(10)
        if error is not None:
            raise error

    together.works[1].before = before
    together.works[1].prepare()
    together._thread.start()
    leader.go("squares")
    assert begun.wait(10)
    leader.announce('"all"')
    over.set()
    together._thread.join(10)
    assert together.outcome == "all"
    assert (follower.draw(), leader.failure(), leader.blocks_finished()) == (1, None, 0)


def test_workers_of_different_work_do_not_work_together(together: Together) -> None:
    together.works[0].before = lambda block: time.sleep(0.3)
    together.works[1] = Squares(together.works[0].folder.parent / "cubes", identity="cubes")
    message = "worker 1 has another config, device or file than worker 0; all must have the same"
    with pytest.raises(UserError, match=f"^{message}$"):
        together.share()
    assert str(together.outcome) == message
    assert not together.works[1].folder.exists()


def task(folder: Path, bad: int | None = None) -> dict[str, object]:
    return {"folder": str(folder), "pause": 0.1, "bad": bad}


def test_processes(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    outcome = launch("tests.workers.squares", task(tmp_path), 2)
    assert outcome == {"squares": squares_of(10), "workers": 2}
    assert json.loads((tmp_path / "outcome of 1").read_text()) == outcome
    assert "squares: 20 of 20 numbers, " in capfd.readouterr().err


def test_a_stopped_process_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It is made to go on when nobody needs it any more; else its launcher would wait for it."""

    def kill_who_stands_still() -> None:
        for worker in workers_of(os.getpid()):
            kill(worker)

    guard = threading.Timer(30, kill_who_stands_still)
    guard.start()
    outcome = launch("tests.workers.squares", task(tmp_path) | {"lost": 3.0}, 2)
    assert guard.is_alive()
    guard.cancel()
    assert outcome == {"squares": squares_of(10), "workers": 2}
    assert json.loads((tmp_path / "outcome of 1").read_text()) == outcome


def test_an_error_of_one_process_is_that_of_all(tmp_path: Path) -> None:
    assert launch("tests.workers.squares", task(tmp_path, bad=5), 2) == {"error": "block 5 is bad", "kind": "UserError"}
    followers = {"error": "block 5 is bad", "kind": "ToldError"}
    assert json.loads((tmp_path / "outcome of 1").read_text()) == followers
    # What was finished is kept, and the bad block's neighbours are not lost.
    assert not (tmp_path / "5.json").exists()
    assert json.loads((tmp_path / "0.json").read_text()) == [0, 1]
