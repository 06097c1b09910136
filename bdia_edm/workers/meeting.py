"""How the processes of a command meet: ranks, the leader among them, who was started again, and who speaks.

torchrun, this program's own launcher, or who acts like them (srun) says in the environment where the store is. Only
the store is opened; there is no process group. Where nobody keeps one, rank 0 does. The processes meet before
anything can go wrong, so that an error that all of them have is said once, and one that only one of them has ends all.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import dist
from bdia_edm.base.launched import described, how_to_unset, launch_number, launched_ranks
from bdia_edm.base.lines import Say, one_line, to_stderr
from bdia_edm.workers.board import Board, StartBoard, TeamBoard, wait_until

__all__ = [
    "Team",
    "is_leader",
    "join",
    "launched_ranks",
    "leave",
    "say_error",
    "users_error_was_noted",
    "was_started_again",
]

_PATIENCE = 10.0
"""Seconds for the one who speaks to do so: it may have been killed."""
_SOON = 10.0
"""Seconds in which those who were started together have mostly met."""


def is_leader() -> bool:
    """Whether this process speaks to the user and writes the results: rank 0, or the only one."""
    return launched_ranks() is None or launch_number("RANK") == 0


def was_started_again() -> bool:
    """Whether this process stands for one that ended before."""
    return (launch_number("TORCHELASTIC_RESTART_COUNT") or 0) > 0


class Team:
    """This process among those that were started together.

    Args:
        store: that of this start alone.
        rank, size: which process this is, of how many.
    """

    def __init__(self, store: dist.Store, rank: int, size: int) -> None:
        self._store, self.rank, self.size = store, rank, size
        self.board = TeamBoard(dist.PrefixStore("team", store))
        self._num_boards = 0

    def new_board(self) -> Board:
        """A clean board for the next piece of work; every process has the same works in the same order."""
        self._num_boards += 1
        if self.rank == 0:
            self.board.begin_work()
        return Board(dist.PrefixStore(f"work/{self._num_boards}", self._store), self.rank, self.size, self.board)

    def say_error(self, message: str, told: bool, say: Say) -> None:
        """Says the error that ends this process where no other process says it; then it has been said.

        A follower leaves its own error to the leader, which mostly has the same, until the leader is past where it
        would meet it.

        Args:
            message: what is wrong.
            told: whether the leader knows of it and says it.
            say: takes the line.
        """
        if self.rank and not told:
            message = f"rank {self.rank}: {message}"
        if not told:
            self.board.fail(message)
        if self.rank:
            wait_until(lambda: self.board.has_spoken() or self._leader_is_past(told))
        if self.board.claim_voice():
            say(f"error: {message}")
            self.board.end_speech()
        # Whoever ends first is the reason for launchers to end the others, and with them what was not yet said.
        wait_until(self.board.has_spoken, _PATIENCE)

    def _leader_is_past(self, told: bool) -> bool:
        return self.board.has_left() or (not told and self.board.works_begun() > self._num_boards)


@lru_cache(maxsize=1)
def join() -> Team:
    """Meets the processes that were started together; a later call returns the same.

    Raises:
        UserError: they cannot be met where the environment says.
    """
    store, rank, size = _open_store()
    with _said_if_late():
        start = _agree(StartBoard(store), rank, size)
    # A launcher keeps its store when it starts the workers again, with all that the last ones left in it.
    team = Team(dist.PrefixStore(f"start/{start}", store), rank, size)
    team.board.note_process(rank)
    return team


def leave() -> None:
    """Ends what ``join`` began, at the end of a command that went well."""
    if join.cache_info().currsize:
        team = join()
        if team.rank == 0:
            # Where the store is gone there is nobody to be told.
            with suppress(dist.DistError):
                team.board.leave()
                if team.board.failure() is not None:
                    # This process may hold the store, without which nobody can say it.
                    wait_until(team.board.has_spoken, _PATIENCE)
    join.cache_clear()
    _open_store.cache_clear()


def users_error_was_noted() -> bool:
    """Whether an earlier start of these processes ended in an error that starting again does not mend.

    Raises:
        UserError: as ``join``.
    """
    return launched_ranks() is not None and StartBoard(_open_store()[0]).has_users_error()


def say_error(message: str, told: bool = False, say: Say = to_stderr) -> None:
    """Says the error that ends this process, once for all that were started together, and notes it for later starts.

    A process whose store is gone stays silent: who went with it has said why.

    Args:
        message: what is wrong.
        told: whether the leader knows of it already.
        say: takes the line.
    """
    if not join.cache_info().currsize:
        say(f"error: {message}")
        return
    with suppress(dist.DistError):
        StartBoard(_open_store()[0]).note_users_error()
        join().say_error(message, told, say)


@lru_cache(maxsize=1)
def _open_store() -> tuple[dist.Store, int, int]:
    """The store that the environment names, this process's rank, and how many there are."""
    from torch.distributed.rendezvous import rendezvous

    try:
        # The default time-out is for slow starts of other machines; nothing after this waits inside the store.
        with _said_if_late():
            store, rank, size = next(iter(rendezvous("env://")))
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"{described()}: the processes cannot meet there: {one_line(error)}; where no other was started: "
            f"{how_to_unset()}"
        ) from error
    return store, rank, size


@contextmanager
def _said_if_late(say: Say = to_stderr) -> Iterator[None]:
    """Says what is waited for within, where it takes long: variables that are left over name nobody who will come.

    Each process says so, as it knows of no other.
    """
    line = f"{described()}: waiting for the other processes there; where no other was started: {how_to_unset()}"
    timer = threading.Timer(_SOON, say, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _agree(board: StartBoard, rank: int, size: int) -> str:
    """A name that the processes of this start share, and no earlier start had.

    Each says a name of its own; the leader answers each with its own name until everyone has heard.
    """
    name = uuid.uuid4().hex
    board.say_hello(rank, name)
    if rank:
        wait_until(lambda: board.answered(name) is not None)
        agreed = board.answered(name) or ""
        board.confirm(agreed, rank)
        return agreed
    missing = set(range(1, size))

    def all_heard() -> bool:
        for other in sorted(missing):
            # What is there can be the name of a process that has ended; then a new one will follow.
            said = board.hello(other)
            if said is not None:
                board.answer(said, name)
            if board.is_confirmed(name, other):
                missing.discard(other)
        return not missing

    wait_until(all_heard)
    return name
