"""A piece of work, shared out: every worker draws blocks until none is left; the leader then has the results.

A block goes to whoever draws the next number of a counter, and one that is there already is passed over, so a start
after an interruption is a start like any other. Nobody waits for anybody before the blocks are finished. The leader
reads the results from where all workers leave them and only then tells the others that the work is over: until that
they stay, so that whatever happens to the leader, a launcher finds all of them to start again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TypeVar

import torch.distributed as dist

from bdia_edm.base.errors import DamagedError, UserError
from bdia_edm.base.lines import Say, to_stderr
from bdia_edm.workers.board import Board, ToldError, wait_until
from bdia_edm.workers.meeting import was_started_again
from bdia_edm.workers.progress import Progress
from bdia_edm.workers.writer import Writer

__all__ = ["Work", "WorkBlock", "announce_end", "follow", "lead", "read_all", "telling"]

_LOST = 60.0
"""Seconds of silence after which a worker that nobody has started again is not waited for."""
_PATIENCE = 10.0
"""Seconds that the leader, whose process may hold the store, stays for those who came to read that all is over."""


class WorkBlock(Protocol):
    """What is made, lost and found again as a whole."""

    @property
    def num(self) -> int:
        """Its items."""


B = TypeVar("B", bound=WorkBlock)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[B, R_co]):
    """What workers can share: blocks, each of which any of them can make where all find it."""

    @property
    def identity(self) -> str:
        """What the results depend on; workers of another identity take no part."""

    @property
    def title(self) -> str:
        """What is done, in a few words."""

    @property
    def unit(self) -> str:
        """What the items are, such as 'images'."""

    @property
    def blocks(self) -> Sequence[B]:
        """All of it, in the order of the results."""

    def prepare(self) -> None:
        """Makes the place for the results; the leader does so, alone."""

    def found(self) -> int:
        """How many items are there, at a quick look."""

    def is_good(self, block: B, say: Say) -> bool:
        """Whether the block is there and whole; says where it is not what it should be."""

    def make(self, block: B, progress: Callable[[int], object], say: Say) -> Callable[[], R_co]:
        """Makes the block.

        Args:
            block: which.
            progress: called with the number of items made since its last call.
            say: takes lines for the user.

        Returns:
            What leaves the block where all find it, and gives it; another thread may call it while the next is made.
        """

    def read(self, block: B) -> R_co:
        """A block that was made; raises FileNotFoundError or DamagedError where it must be made again."""

    def where(self, block: B) -> str:
        """Where the block is, for people."""


def lead(work: Work[B, R], board: Board, say: Say, verbosity: str = "normal") -> Iterator[R]:
    """The leader's part: its share of the blocks, until all are made.

    The caller is the only one who works in that place, and calls ``announce_end`` when it is done with the results.

    Args:
        verbosity: 'quiet' leaves out how far it is, 'verbose' tells of every block, 'normal' does neither.

    Returns:
        The results in the order of the blocks, read one at a time.

    Raises:
        UserError: this or another worker cannot go on.
        OSError: the place cannot be written.
    """
    with _ending_with_the_store(_lose_leader):
        _lead(work, board, say, verbosity)
    return read_all(work, say)


def _lead(work: Work[B, R], board: Board, say: Say, verbosity: str) -> None:
    work.prepare()
    if was_started_again():
        say("a worker process ended; all were started again and go on with what is finished")
    total, found = _total(work), work.found()
    if found:
        say(f"resuming: {found} of {total} {work.unit} are done")
    board.go(work.identity)
    with Progress(board, total, work.title, work.unit, say, _lose_leader, verbosity != "quiet") as progress:
        _draw_blocks(work, board, verbosity)

        def all_finished() -> bool:
            board.check()
            return board.blocks_finished() >= len(work.blocks) or _rest_is_lost(board, progress, say)

        wait_until(all_finished)


def follow(work: Work[B, R], board: Board, verbosity: str = "normal") -> str:
    """Another worker's part: its share of the blocks, then what the leader announces.

    Args:
        verbosity: as of ``lead``.

    Raises:
        UserError: this or another worker cannot go on.
        OSError: the place cannot be written.
    """
    with _ending_with_the_store(_lose_follower):
        with Progress(board, _total(work), work.title, work.unit, str, _lose_follower):
            wait_until(lambda: _is_there(board, board.opened()))
            # Read once: what was opened is the empty text from when the leader announces the outcome.
            opened = board.opened()
            if opened:
                if opened != work.identity:
                    raise UserError(
                        f"worker {board.rank} has another config, device or file than worker 0; all must have the same"
                    )
                _draw_blocks(work, board, verbosity)
                board.be_idle()
            wait_until(lambda: _is_there(board, board.outcome()))
        outcome = board.outcome() or ""
        board.go_home()
        return outcome


def announce_end(board: Board, outcome: str) -> None:
    """The leader tells the others what came out, whether they had a part in it or not."""
    with _ending_with_the_store(_lose_leader):
        board.announce(outcome)
        board.wake_followers()
        start = time.monotonic()

        def all_gone() -> bool:
            # One that failed before it came here will not come.
            if board.gone_home() >= board.size - 1 or board.failure() is not None:
                return True
            # One that has not come yet may still be loading.
            late = any(not board.beats(rank) for rank in range(1, board.size))
            return time.monotonic() - start > (_LOST if late else _PATIENCE)

        wait_until(all_gone)


@contextmanager
def telling(board: Board) -> Iterator[None]:
    """Around a worker's part: a user's error ends the work for all.

    A follower's is raised as a ToldError, and not before the leader knows of it: whoever started the processes may
    end all of them as soon as one ends so.
    """
    try:
        yield
    except UserError as error:
        with _ending_with_the_store(_lose_follower if board.rank else _lose_leader):
            board.fail(str(error))
            if board.rank == 0:
                board.end_in_failure()
                raise
            wait_until(board.is_over)
        raise ToldError(str(error)) from error


def _total(work: Work[B, R]) -> int:
    return sum(block.num for block in work.blocks)


def _rest_is_lost(board: Board, progress: Progress, say: Say) -> bool:
    """Whether all that still have a block have been silent for so long that nobody can be waited for."""
    busy = [rank for rank in range(1, board.size) if not board.is_idle(rank)]
    if not busy or any(progress.silence(rank) < _LOST for rank in busy):
        return False
    names = ", ".join(map(str, busy))
    say(f"nothing was heard of worker {names} for {_LOST:.0f} s; what they had not finished is made here")
    return True


def _is_there(board: Board, text: str | None) -> bool:
    board.check()
    return text is not None


class _OverError(Exception):
    """The work is finished: nobody waited for this block, nor cares what becomes of it."""


def _draw_blocks(work: Work[B, R], board: Board, verbosity: str) -> None:
    try:
        with Writer() as writer:
            _make_blocks(work, board, verbosity, writer)
    except (_OverError, UserError, OSError):
        if board.outcome() is None:
            raise


def _make_blocks(work: Work[B, R], board: Board, verbosity: str, writer: Writer) -> None:
    def count(num: int) -> None:
        board.count_made(num)
        if board.outcome() is not None:
            raise _OverError
        writer.check()

    def leave(block: B, write: Callable[[], R], start: float) -> None:
        write()
        if verbosity == "verbose":
            seconds = time.monotonic() - start
            board.tell(f"worker {board.rank}: {work.where(block)}: {block.num} {work.unit} in {seconds:.1f} s")
        # Last: a block counts as finished when all find it.
        board.finish_block()

    while (drawn := board.draw()) < len(work.blocks):
        board.check()
        block = work.blocks[drawn]
        start = time.monotonic()
        if work.is_good(block, board.tell):
            board.count_found(block.num)
            board.finish_block()
        else:
            writer.give(partial(leave, block, work.make(block, count, board.tell), start))


def read_all(work: Work[B, R], say: Say) -> Iterator[R]:
    """Every result, looked at once more: what was damaged since it was made is made again."""
    for block in work.blocks:
        try:
            result = work.read(block)
        except (FileNotFoundError, DamagedError) as error:
            reason = error if isinstance(error, DamagedError) else "it is gone"
            say(f"{work.where(block)}: {reason}; made again")
            result = work.make(block, lambda num: None, say)()
        yield result


@contextmanager
def _ending_with_the_store(lose: Callable[[], object]) -> Iterator[None]:
    """Calls ``lose``, which ends the process, where the store is gone: with it went who kept it."""
    try:
        yield
    except dist.DistError:
        lose()
        raise


def _lose_leader() -> None:
    to_stderr("the launcher has ended; what is finished is kept")
    os._exit(2)


def _lose_follower() -> None:
    # Who kept the store, the leader or its launcher, has said why it went.
    os._exit(2)
