"""The workers of a run: how they find each other, and what they tell each other.

They meet in torch.distributed's store, as torchrun or the run's own launcher set it up. Everything between them goes
through counters and a few texts in that store; nobody ever waits for a collective, so none can time out, and nobody
waits for anybody before the end. A run of one worker has a store of its own and goes the same way.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from bdia_edm.base.errors import UserError
from bdia_edm.engine.precision import share_cores

__all__ = [
    "POLL",
    "Board",
    "Team",
    "is_leader",
    "join",
    "launched_ranks",
    "leave",
    "note_users_error",
    "users_error_was_noted",
    "wait_until",
]

POLL = 0.1
"""Seconds between two looks at the store."""
_SOON = timedelta(seconds=10)
_USERS_ERROR = "bdia_edm: a user's error"
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched_ranks() -> int | None:
    """How many processes torchrun, or who acts like it, started together with this one; None without it."""
    return int(os.environ["WORLD_SIZE"]) if all(os.environ.get(name) for name in _NEEDED) else None


def is_leader() -> bool:
    """Whether this process speaks to the user and writes the results: rank 0, or the only one."""
    return launched_ranks() is None or int(os.environ["RANK"]) == 0


def wait_until(there: Callable[[], bool]) -> None:
    """Looks until ``there``; a store's own wait would end in a time-out."""
    while not there():
        time.sleep(POLL)


class Board:
    """What the workers of one run tell each other.

    Args:
        store: theirs alone.
        rank, size: which worker this is, of how many.
    """

    def __init__(self, store: dist.Store | None = None, rank: int = 0, size: int = 1) -> None:
        self._store = dist.HashStore() if store is None else store
        self.rank, self.size = rank, size
        self._told = 0

    def add(self, counter: str, amount: int = 1) -> int:
        """Adds to a counter; 0 reads it. Returns its value."""
        return self._store.add(f"n/{counter}", amount)

    def post(self, key: str, text: str = "") -> None:
        """Leaves a text for the others."""
        self._store.set(f"t/{key}", text)

    def read(self, key: str) -> str | None:
        """The text that somebody posted; None where nobody has."""
        return self._store.get(f"t/{key}").decode() if self._store.check([f"t/{key}"]) else None

    def fail(self, message: str) -> None:
        """Says that this run cannot go on; of several messages the first stays."""
        if self.add("failures") == 1:
            self.post("failure", message)

    def check(self) -> None:
        """Raises the UserError that some worker met."""
        message = self.read("failure")
        if message is not None:
            raise UserError(message)

    def tell(self, line: str) -> None:
        """A line for the user, which the leader will say."""
        self.post(f"line/{self.add('lines')}", line)

    def new_lines(self) -> list[str]:
        """What was told since the last call."""
        lines: list[str] = []
        while self._told < self.add("lines", 0):
            line = self.read(f"line/{self._told + 1}")
            if line is None:
                break
            self._told += 1
            lines.append(line)
        return lines


class Team:
    """This process among those that were started together."""

    def __init__(self, store: dist.Store, rank: int, size: int) -> None:
        self._store, self.rank, self.size = store, rank, size
        self._num_boards = 0

    def new_board(self) -> Board:
        """A clean board for the next run; every process has the same runs in the same order."""
        self._num_boards += 1
        return Board(dist.PrefixStore(f"run/{self._num_boards}", self._store), self.rank, self.size)


@lru_cache(maxsize=1)
def join(device: torch.device) -> Team:
    """Joins the processes that were started together, of whose cores it takes its part; a later call returns the same.

    Args:
        device: where this process works; decides between gloo and NCCL.
    """
    share_cores(int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    # The default time-out is for slow starts of other machines; nothing after this waits inside the store.
    store, rank, size = next(iter(rendezvous("env://")))
    # A launcher keeps its store when it starts the workers again, with all that the last ones left in it.
    own = dist.PrefixStore(f"start/{_agree(store, rank, size)}", store)
    if not dist.is_initialized():
        group = dist.PrefixStore("group", own)
        if device.type == "cuda":
            dist.init_process_group("nccl", store=group, rank=rank, world_size=size, device_id=device)
        else:
            dist.init_process_group("gloo", store=group, rank=rank, world_size=size)
    return Team(own, rank, size)


def note_users_error() -> None:
    """Tells later starts of these workers that the last ended in an error that starting again does not mend."""
    store = _torchruns_store()
    if store is not None:
        store.set(_USERS_ERROR, "")


def users_error_was_noted() -> bool:
    """Whether an earlier start of these workers ended in such an error."""
    store = _torchruns_store() if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) else None
    return store is not None and store.check([_USERS_ERROR])


def _torchruns_store() -> dist.Store | None:
    """The store that torchrun keeps from start to start; None where there is no torchrun, or it cannot be reached."""
    if launched_ranks() is None or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    try:
        return dist.TCPStore(address, port, is_master=False, wait_for_workers=False, timeout=_SOON)
    except RuntimeError:
        return None


def leave() -> None:
    """Ends what ``join`` began, at the end of a command that went well."""
    if join.cache_info().currsize:
        join.cache_clear()
        dist.destroy_process_group()


def _agree(store: dist.Store, rank: int, size: int) -> str:
    """A name that the processes of this start share, and no earlier start had.

    Each says a name of its own; the leader answers each with its own name until everyone has heard.
    """
    name = uuid.uuid4().hex
    store.set(f"hello/{rank}", name)
    if rank:
        wait_until(lambda: store.check([f"answer/{name}"]))
        agreed = store.get(f"answer/{name}").decode()
        store.set(f"heard/{agreed}/{rank}", "")
        return agreed
    missing = set(range(1, size))

    def all_heard() -> bool:
        for other in sorted(missing):
            # What is there can be the name of a process that has ended; then a new one will follow.
            if store.check([f"hello/{other}"]):
                store.set(f"answer/{store.get(f'hello/{other}').decode()}", name)
            if store.check([f"heard/{name}/{other}"]):
                missing.discard(other)
        return not missing

    wait_until(all_heard)
    return name
