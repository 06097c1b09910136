"""A run's work, shared out: every worker draws blocks until none is left; the leader then ends the run.

A block goes to whoever draws the next number of a counter, and one that is there already is passed over, so a start
after an interruption is a start like any other. Nobody waits for anybody before the blocks are finished. The leader
reads the shards from the shared file system and only then tells the others that the run is over: until that they
stay, so that whatever happens to the leader, a launcher finds all of them to start again.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch.distributed as dist

from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.plan import Block
from bdia_edm.engine.shards import Shard, ShardError
from bdia_edm.records.record import Record, to_json
from bdia_edm.run.summary import conclude
from bdia_edm.workers.board import POLL, Board, wait_until
from bdia_edm.workers.progress import FOUND, MADE, Progress

if TYPE_CHECKING:
    from bdia_edm.run.run import Run

__all__ = ["announce_end", "follow", "lead"]

Say = Callable[[str], object]
_FINISHED, _GO, _IDLE = "finished", "go", "idle"
_BLOCKS, _DRAWN, _GONE = "blocks finished", "blocks drawn", "followers gone"
_LOST = 60.0
"""Seconds of silence after which a worker that nobody has started again is not waited for."""
_PATIENCE = 10.0
"""Seconds that the leader, whose process may hold the store, stays for the others to read that all is over."""


def lead(run: Run, board: Board, say: Say) -> Record:
    """The leader's part: its share of the blocks, then the record.

    The caller holds the folder's lock, and calls ``announce_end`` when it is done with the run.

    Raises:
        UserError: this or another worker cannot go on.
        OSError: the folder cannot be written.
    """
    with _ending_with_the_store(_lose_leader):
        return _lead(run, board, say)


def _lead(run: Run, board: Board, say: Say) -> Record:
    folder, blocks = run.block_folder, run.blocks
    folder.prepare()
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        say("a worker process ended; all were started again and go on with what is finished")
    total, found = len(run.config.seeds), folder.found(blocks)
    if found:
        say(f"resuming: {found} of {total} images are done")
    worker = _make_worker(run)
    board.post(_GO, run.identity)
    title = f"{run.config.sampler.name} {run.config.sampler.num_steps} steps"
    with Progress(board, total, title, say, _lose_leader) as progress:
        _draw_blocks(run, board, worker)

        def all_finished() -> bool:
            board.check()
            return board.add(_BLOCKS, 0) >= len(blocks) or _rest_is_lost(board, progress, say)

        wait_until(all_finished)
    return conclude(run, _read_shards(folder, blocks, worker, say), board.size)


def follow(run: Run, board: Board) -> Record:
    """Another worker's part: its share of the blocks, then the leader's record.

    Raises:
        UserError: this or another worker cannot go on; the others have been told.
    """
    with _ending_with_the_store(_lose_follower):
        return _follow(run, board)


def _follow(run: Run, board: Board) -> Record:
    try:
        with Progress(board, len(run.config.seeds), "", str, _lose_follower):
            wait_until(lambda: _posted(board, _GO))
            if board.read(_FINISHED) is None:
                if board.read(_GO) != run.identity:
                    raise UserError(
                        f"worker {board.rank} has another config, device or file than worker 0; all must have the same"
                    )
                _draw_blocks(run, board, _make_worker(run))
                board.post(f"{_IDLE}/{board.rank}")
            wait_until(lambda: _posted(board, _FINISHED))
    except OSError as error:
        message = run.cannot_write(error)
        board.fail(message)
        raise UserError(message) from error
    except UserError as error:
        board.fail(str(error))
        raise
    record: Record = json.loads(board.read(_FINISHED) or "")
    board.add(_GONE)
    return record


def announce_end(board: Board, record: Record) -> None:
    """The leader tells the others that there is a record, whether they had a part in it or not."""
    with _ending_with_the_store(_lose_leader):
        board.post(_FINISHED, to_json(record, indent=None))
        board.post(_GO)
        until = time.monotonic() + _PATIENCE
        while board.add(_GONE, 0) < board.size - 1 and time.monotonic() < until:
            time.sleep(POLL)


def _rest_is_lost(board: Board, progress: Progress, say: Say) -> bool:
    """Whether all that still have a block have been silent for so long that nobody can be waited for."""
    busy = [rank for rank in range(1, board.size) if board.read(f"{_IDLE}/{rank}") is None]
    if not busy or any(progress.silence(rank) < _LOST for rank in busy):
        return False
    names = ", ".join(map(str, busy))
    say(f"nothing was heard of worker {names} for {_LOST:.0f} s; what they had not finished is made here")
    return True


@contextmanager
def _ending_with_the_store(lose: Callable[[], object]) -> Iterator[None]:
    """Calls ``lose``, which ends the process, where the store is gone: with it went the launcher."""
    try:
        yield
    except dist.DistError:
        lose()
        raise


def _posted(board: Board, key: str) -> bool:
    board.check()
    return board.read(key) is not None


def _make_worker(run: Run) -> BlockSampler:
    return BlockSampler(
        denoiser=run.denoiser,
        sampler=run.config.sampler,
        detector=run.detector,
        device=run.device,
        batch_size=run.config.batch_size,
        class_idx=run.config.class_idx,
        keep_images=run.config.save_images != "none",
    )


def _draw_blocks(run: Run, board: Board, worker: BlockSampler) -> None:
    blocks, folder = run.blocks, run.block_folder
    while (drawn := board.add(_DRAWN) - 1) < len(blocks):
        board.check()
        block = blocks[drawn]
        if folder.is_good(block, board.tell):
            board.add(FOUND, len(block.seeds))
        else:
            folder.make(block, worker, partial(board.add, MADE), board.tell)
        board.add(_BLOCKS)


def _read_shards(folder: BlockFolder, blocks: list[Block], worker: BlockSampler, say: Say) -> Iterator[Shard]:
    """Every shard, looked at once more: what was damaged since it was written is made again."""
    for block in blocks:
        try:
            shard = folder.read(block)
        except (FileNotFoundError, ShardError) as error:
            reason = error if isinstance(error, ShardError) else "it is gone"
            say(f"{folder.path(block)}: {reason}; made again")
            shard = folder.make(block, worker, lambda num: None, say)
        yield shard


def _lose_leader() -> None:
    print("the launcher has ended; what is finished is kept", file=sys.stderr, flush=True)
    os._exit(1)


def _lose_follower() -> None:
    os._exit(1)
