"""From a run to its record: the one way for one process, for N workers of this machine, and for torchrun's ranks.

Every worker takes its part; the leader among them holds the folder's lock, keeps the plan, and has the record written.
What is made, and what the record says, is for the kind of the run (``kinds``). Where the run is to have workers of its
own, this process only has them started, and says what came out.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bdia_edm.base.errors import UserError
from bdia_edm.base.launched import launch_number, launched_ranks
from bdia_edm.base.lines import Say, printable, to_stderr
from bdia_edm.base.urls import without_secrets
from bdia_edm.base.versions import code_version
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.device import share_cores
from bdia_edm.engine.host_memory import memory_kept
from bdia_edm.engine.precision import full_precision
from bdia_edm.records.log import logged
from bdia_edm.records.notes import Plan, forget_plan, note_error, plan_kept
from bdia_edm.records.record import Record, as_record, read_record, to_json
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.run.deeds import Deeds
from bdia_edm.run.kinds import deeds_of
from bdia_edm.run.run import AnyRun
from bdia_edm.trackers.tracker import make_tracker, track
from bdia_edm.workers.board import Board
from bdia_edm.workers.launch import launch
from bdia_edm.workers.meeting import join
from bdia_edm.workers.sharing import announce_end, follow, lead, telling

__all__ = ["Ending", "finish", "next_board", "take_part"]


class Ending(NamedTuple):
    """How a run ended.

    Attributes:
        record: the run's.
        done_before: whether nothing was left to do.
    """

    record: Record
    done_before: bool


def finish(run: AnyRun, say: Say = to_stderr) -> Record:
    """The run's record; what is not done yet is done first, by all workers.

    While it works, PyTorch computes in full float32 with repeatable kernels: flags of the whole process, which are put
    back. Under torchrun the number of threads is set, and stays so. Last the run's tracker has its record.

    Args:
        run: checked and loaded.
        say: takes lines for the user; those of workers in processes of their own go to stderr.

    Raises:
        UserError: an image is not finite, the disk does not take the results, a worker dies again and again, or the
            tracker cannot be used.
    """
    tracker = make_tracker(run.config.tracker)
    if launched_ranks() is not None:
        board = next_board()
        ending = take_part(run, board, say)
        if board.rank:
            return ending.record
    elif run.num_workers > 1:
        ending = _by_workers(run)
    else:
        ending = take_part(run, Board(), say)
    if ending.done_before and (warning := _made_by_other_code(ending.record)):
        say(warning)
    say(f"{'done before' if ending.done_before else 'written'}: {run.folder}")
    track(tracker, ending.record, run.folder, say)
    return ending.record


def next_board() -> Board:
    """The board of the next run of the processes that were started together, of whose cores this one takes its part.

    PyTorch's number of threads is set, and stays so, where OMP_NUM_THREADS does not say it.
    """
    share_cores(launch_number("LOCAL_WORLD_SIZE") or 1)
    return join().new_board()


def take_part(run: AnyRun, board: Board, say: Say) -> Ending:
    """One worker's part, until there is a record.

    Args:
        run: the same in all workers.
        board: theirs.
        say: takes the leader's lines for the user.

    Raises:
        UserError: as ``finish``; every worker raises it.
    """
    deeds = deeds_of(run)
    work = deeds.work()
    with telling(board), _disk_errors_said(run.folder), full_precision():
        if board.rank:
            with memory_kept():
                return _told(json.loads(follow(work, board, run.config.verbosity)))
        ending = _lead(run, deeds, work, board, say)
        announce_end(board, to_json(ending._asdict(), indent=None))
    return ending


def _by_workers(run: AnyRun) -> Ending:
    """Has workers of its own do it; this process only looks whether there is anything to do."""
    deeds = deeds_of(run)
    record = _record_of(run, deeds)
    if record is not None and not _has_shards_to_remove(run, deeds):
        return Ending(record, True)
    task = {"home": run.home, "kind": run.task, "config": run.config.source, "command": run.command}
    try:
        outcome = launch("bdia_edm.run.worker_process", task, run.num_workers)
    except UserError as error:
        # There was nobody left who could have noted it.
        note_error(run.folder, _plan_of(run, deeds, run.num_workers), error)
        raise
    if "error" in outcome:
        raise UserError(outcome["error"])
    return _told(outcome)


def _told(ending: Mapping[str, Any]) -> Ending:
    """An ending that another process told as JSON."""
    return Ending(as_record(ending["record"]), ending["done_before"])


def _lead(run: AnyRun, deeds: Deeds[Any], work: BlockWork[Any], board: Board, say: Say) -> Ending:
    record = _record_of(run, deeds)
    if record is not None and not _has_shards_to_remove(run, deeds):
        return Ending(record, True)
    with RunFolder(run.folder).locked(say):
        # Who held the lock before may have finished it, or have been killed before it removed the shards.
        record = _record_of(run, deeds)
        done_before = record is not None
        if record is None:
            with logged(run.folder, f"begun, workers: {board.size}: {run.command}", say) as both:
                record = _make(run, deeds, work, board, both)
        forget_plan(run.folder)
        if _has_shards_to_remove(run, deeds):
            shutil.rmtree(RunFolder(run.folder).shards)
    return Ending(record, done_before)


def _make(run: AnyRun, deeds: Deeds[Any], work: BlockWork[Any], board: Board, say: Say) -> Record:
    # Before the work, during which somebody may edit the files.
    facts: dict[str, Any] = {"code": code_version(), "warnings": deeds.warnings(), "workers": board.size}
    for warning in facts["warnings"]:
        say(warning)
    with plan_kept(run.folder, _plan_of(run, deeds, board.size)):
        start = time.perf_counter()
        # Not for the summary, whose matrices are too large and too few to be kept.
        with memory_kept():
            shards = lead(work, board, say, run.config.verbosity)
        facts |= _speed(run, board.found(), time.perf_counter() - start)
        return deeds.summarize(shards, facts, say)


def _made_by_other_code(record: Record) -> str:
    """A warning where the record does not come from the code that runs now; '' where it does."""
    # Earlier versions wrote none.
    made, now = record.get("code", {}), code_version()
    if made.get("source") == now["source"]:
        return ""
    which = [
        printable(", ".join(f"{name} {str(code[name])[:12]}" for name in now if name in code)) for code in (made, now)
    ]
    return (
        f"warning: this record was made by other code ({which[0] or 'it does not say which'}) than runs now "
        f"({which[1]}); remove its folder to have it made again"
    )


def _speed(run: AnyRun, found: int, wall_seconds: float) -> dict[str, float]:
    """The record's figures of this start."""
    made = len(run.items) - found
    return {"images_found": found, "wall_seconds": wall_seconds, "images_per_wall_second": made / wall_seconds}


def _plan_of(run: AnyRun, deeds: Deeds[Any], workers: int) -> Plan:
    found = deeds.work().found()
    return Plan(len(run.items), run.config.block_size, found, workers, without_secrets(run.command), deeds.words())


def _record_of(run: AnyRun, deeds: Deeds[Any]) -> Record | None:
    """The record, where everything that was asked for is there with it."""
    record = read_record(run.folder)
    return record if deeds.has_all() else None


def _has_shards_to_remove(run: AnyRun, deeds: Deeds[Any]) -> bool:
    return not deeds.keeps_shards and RunFolder(run.folder).shards.exists()


@contextmanager
def _disk_errors_said(folder: Path) -> Iterator[None]:
    """A disk that does not take the results is the user's to mend."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{folder}: cannot write there: {error}; what is finished is kept") from error
