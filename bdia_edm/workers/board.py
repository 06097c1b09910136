"""What workers tell each other, and every key of the store in which they do.

Everything between them goes through counters and a few texts in torch.distributed's store: nobody ever waits for a
collective, so none can time out. There are three boards, each with its own part of the store: ``StartBoard`` is kept
by torchrun from one start of its processes to the next, ``TeamBoard`` is of one start, ``Board`` of one piece of work.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import dist

__all__ = ["POLL", "Board", "StartBoard", "TeamBoard", "ToldError", "wait_until"]

POLL = 0.1
"""Seconds between two looks at the store."""


class ToldError(UserError):
    """A user's error that the leader knows of too, and so will say."""


def wait_until(there: Callable[[], bool], seconds: float = float("inf")) -> bool:
    """Looks until ``there``, but no longer than ``seconds``; a store's own wait would end in a time-out.

    Returns:
        Whether it is there.
    """
    until = time.monotonic() + seconds
    while not there():
        if time.monotonic() >= until:
            return False
        time.sleep(POLL)
    return True


class _Keys:
    """Counters and texts in a store."""

    def __init__(self, store: dist.Store) -> None:
        self._store = store

    def _add(self, counter: str, amount: int = 1) -> int:
        """Adds to a counter; 0 reads it. Returns its value."""
        return self._store.add(f"n/{counter}", amount)

    def _post(self, key: str, text: str = "") -> None:
        self._store.set(f"t/{key}", text)

    def _read(self, key: str) -> str | None:
        """The text that somebody posted; None where nobody has."""
        return self._store.get(f"t/{key}").decode() if self._store.check([f"t/{key}"]) else None

    def _is_posted(self, key: str) -> bool:
        return self._store.check([f"t/{key}"])

    def fail(self, message: str) -> None:
        """Says that it cannot go on; of several messages the first stays."""
        if self._add("failures") == 1:
            self._post("failure", message)

    def failure(self) -> str | None:
        """Why it cannot go on; None where it can."""
        return self._read("failure")


class StartBoard(_Keys):
    """Where the processes of one start find each other, in a store that may hold what earlier starts left there.

    Every process has a name that no other of any start has.
    """

    def say_hello(self, rank: int, name: str) -> None:
        """The process of this rank says its name."""
        self._post(f"hello/{rank}", name)

    def hello(self, rank: int) -> str | None:
        """The name that a process of this rank has said last, which may have ended; None where none has."""
        return self._read(f"hello/{rank}")

    def answer(self, name: str, leader: str) -> None:
        """The leader tells its own name to the process ``name``."""
        self._post(f"answer/{name}", leader)

    def answered(self, name: str) -> str | None:
        """The name of the leader, where it has answered to ``name``."""
        return self._read(f"answer/{name}")

    def confirm(self, leader: str, rank: int) -> None:
        """The process of this rank has heard the leader's name."""
        self._post(f"heard/{leader}/{rank}")

    def is_confirmed(self, leader: str, rank: int) -> bool:
        """Whether the process of this rank has heard the leader's name."""
        return self._is_posted(f"heard/{leader}/{rank}")

    def note_users_error(self) -> None:
        """Tells later starts that this one ended in an error that starting again does not mend."""
        self._post("a user's error")

    def has_users_error(self) -> bool:
        """Whether an earlier start ended in such an error."""
        return self._is_posted("a user's error")


class TeamBoard(_Keys):
    """What the processes of one start tell each other beside their work: who fails, and who speaks."""

    def note_process(self, rank: int) -> None:
        """This process is the one of this rank."""
        self._post(f"process/{rank}", f"{os.getpid()} {socket.gethostname()}")

    def wake(self, rank: int) -> None:
        """Has the process of this rank go on, where it is one of this machine that was stopped."""
        pid, _, host = (self._read(f"process/{rank}") or "").partition(" ")
        if host == socket.gethostname():
            # It may have ended.
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(pid), signal.SIGCONT)

    def begin_work(self) -> None:
        """The leader is past all that comes before its next piece of work."""
        self._add("works begun")

    def works_begun(self) -> int:
        """How many pieces of work the leader has begun."""
        return self._add("works begun", 0)

    def leave(self) -> None:
        """The leader has nothing more to do."""
        self._post("left")

    def has_left(self) -> bool:
        """Whether the leader has left."""
        return self._is_posted("left")

    def claim_voice(self) -> bool:
        """Whether this process says why all end; only the first that asks does."""
        return self._add("voice") == 1

    def end_speech(self) -> None:
        """It has been said."""
        self._post("spoken")

    def has_spoken(self) -> bool:
        """Whether it has been said."""
        return self._is_posted("spoken")


class Board(_Keys):
    """What the workers tell each other about one piece of work.

    Args:
        store: theirs alone; None: of a worker that is alone.
        rank, size: which worker this is, of how many.
        team: that of the processes, whose failure is this work's too.
    """

    def __init__(
        self, store: dist.Store | None = None, rank: int = 0, size: int = 1, team: TeamBoard | None = None
    ) -> None:
        super().__init__(dist.HashStore() if store is None else store)
        self.rank, self.size = rank, size
        self._team = team
        self._told = 0

    def failure(self) -> str | None:
        message = super().failure()
        return self._team.failure() if message is None and self._team is not None else message

    def check(self) -> None:
        """Raises the UserError that some worker met."""
        message = self.failure()
        if message is not None:
            raise UserError(message)

    def end_in_failure(self) -> None:
        """The leader has given the work up."""
        self._post("given up")

    def is_over(self) -> bool:
        """Whether the leader is through with the work, or does not come to it."""
        if self._is_posted("given up") or self.outcome() is not None:
            return True
        return self._team is not None and self._team.failure() is not None

    def tell(self, line: str) -> None:
        """A line for the user, which the leader will say."""
        self._post(f"line/{self._add('lines')}", line)

    def new_lines(self) -> list[str]:
        """What was told since the last call."""
        lines: list[str] = []
        while self._told < self._add("lines", 0):
            line = self._read(f"line/{self._told + 1}")
            if line is None:
                break
            self._told += 1
            lines.append(line)
        return lines

    def beat(self) -> None:
        """This worker is alive."""
        self._add(f"beats of {self.rank}")

    def beats(self, rank: int) -> int:
        """How often this worker has said so."""
        return self._add(f"beats of {rank}", 0)

    def go(self, identity: str) -> None:
        """The leader opens the work of this identity."""
        self._post("go", identity)

    def opened(self) -> str | None:
        """The identity of the work that is open; None before the leader opens it."""
        return self._read("go")

    def draw(self) -> int:
        """The next block, from 0; each is drawn once."""
        return self._add("blocks drawn") - 1

    def finish_block(self) -> None:
        """A block that was drawn is there."""
        self._add("blocks finished")

    def blocks_finished(self) -> int:
        """How many blocks are there."""
        return self._add("blocks finished", 0)

    def count_found(self, num: int) -> None:
        """So many items were there before."""
        self._add("items found", num)

    def count_made(self, num: int) -> None:
        """So many items were made now; a negative number takes them back."""
        self._add("items made", num)

    def found(self) -> int:
        """How many items were there before."""
        return self._add("items found", 0)

    def made(self) -> int:
        """How many items were made."""
        return self._add("items made", 0)

    def be_idle(self) -> None:
        """This worker has no block any more."""
        self._post(f"idle/{self.rank}")

    def is_idle(self, rank: int) -> bool:
        """Whether this worker has no block any more."""
        return self._is_posted(f"idle/{rank}")

    def announce(self, outcome: str) -> None:
        """The leader says what came out, to those too for whom it opened nothing."""
        self._post("finished", outcome)
        self._post("go")

    def wake_followers(self) -> None:
        """Has those go on that were stopped: nobody needs them any more, but who started them waits for them."""
        if self._team is not None:
            for rank in range(1, self.size):
                self._team.wake(rank)

    def outcome(self) -> str | None:
        """What came out; None before the leader says it."""
        return self._read("finished")

    def go_home(self) -> None:
        """This follower has read the outcome."""
        self._add("followers gone")

    def gone_home(self) -> int:
        """How many followers have."""
        return self._add("followers gone", 0)
