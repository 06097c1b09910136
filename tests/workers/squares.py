"""A toy of a piece of work: numbers to squares, a file for each block in a folder that all workers see."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bdia_edm.base.errors import DamagedError, UserError
from bdia_edm.base.lines import Say, to_stderr
from bdia_edm.workers import sharing
from bdia_edm.workers.meeting import join, leave
from bdia_edm.workers.sharing import announce_end, follow, lead, telling


@dataclass(frozen=True)
class Numbers:
    index: int
    values: tuple[int, ...]

    @property
    def num(self) -> int:
        return len(self.values)


@dataclass
class Squares:
    folder: Path
    size: int = 10
    identity: str = "squares"
    title: str = "squares"
    unit: str = "numbers"
    # Called with every block before it is made.
    before: Callable[[Numbers], object] = lambda block: None
    # Called with every block before it is written.
    writing: Callable[[Numbers], object] = lambda block: None
    blocks: list[Numbers] = field(init=False)

    def __post_init__(self) -> None:
        self.blocks = [Numbers(index, (2 * index, 2 * index + 1)) for index in range(self.size)]

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def found(self) -> int:
        return sum(block.num for block in self.blocks if self.path(block).exists())

    def is_good(self, block: Numbers, say: Say) -> bool:
        try:
            self.read(block)
        except FileNotFoundError:
            return False
        except DamagedError as error:
            say(f"{self.where(block)}: {error}; made again")
            return False
        return True

    def make(self, block: Numbers, progress: Callable[[int], object], say: Say) -> Callable[[], list[int]]:
        self.before(block)
        squares = [value**2 for value in block.values]
        progress(block.num)

        def write() -> list[int]:
            self.writing(block)
            self.path(block).write_text(json.dumps(squares))
            return squares

        return write

    def read(self, block: Numbers) -> list[int]:
        try:
            return json.loads(self.path(block).read_text())
        except ValueError as error:
            raise DamagedError("no list of numbers") from error

    def where(self, block: Numbers) -> str:
        return str(self.path(block))

    def path(self, block: Numbers) -> Path:
        return self.folder / f"{block.index}.json"


def squares_of(size: int) -> list[list[int]]:
    """The results, in the order of the blocks."""
    return [[(2 * index) ** 2, (2 * index + 1) ** 2] for index in range(size)]


def main(task: dict[str, Any]) -> None:
    """A worker in a process of its own, as bdia_edm.workers.launch starts it.

    Args:
        task: "folder"; "pause", the seconds that a block takes; "bad", the block that cannot be made, or None; "lost",
            the seconds after which a silent worker is lost, where the follower is stopped in its first block.
    """
    board = join().new_board()
    if "lost" in task:
        sharing._LOST = task["lost"]

    def before(block: Numbers) -> None:
        time.sleep(task["pause"])
        if "lost" in task and board.rank:
            os.kill(os.getpid(), signal.SIGSTOP)
        if block.index == task["bad"]:
            raise UserError(f"block {block.index} is bad")

    work = Squares(Path(task["folder"]), before=before)
    outcome: dict[str, Any]
    try:
        with telling(board):
            if board.rank:
                outcome = json.loads(follow(work, board))
            else:
                outcome = {"squares": list(lead(work, board, to_stderr)), "workers": board.size}
                announce_end(board, json.dumps(outcome))
    except UserError as error:
        outcome = {"error": str(error), "kind": type(error).__name__}
    (Path(task["folder"]) / f"outcome of {board.rank}").write_text(json.dumps(outcome))
    if board.rank == 0:
        Path(task["outcome"]).write_text(json.dumps(outcome))
    leave()
