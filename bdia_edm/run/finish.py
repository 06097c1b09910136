"""From a run to its record: the one way for one process, for N workers of this machine, and for torchrun's ranks.

Every worker takes its part; the leader among them holds the folder's lock, keeps the plan, and writes the record.
Where the run is to have workers of its own, this process only has them started, and says what came out.
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
from bdia_edm.base.urls import without_secrets, without_secrets_in
from bdia_edm.base.versions import code_version
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.device import share_cores
from bdia_edm.engine.plan import format_seeds
from bdia_edm.engine.precision import describe_precision, full_precision
from bdia_edm.engine.sampling_work import SamplingWork
from bdia_edm.engine.shards import Shard
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.records.log import logged
from bdia_edm.records.notes import Plan, forget_plan, note_error, plan_kept
from bdia_edm.records.record import Record, as_record, read_record, to_json
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.wording import run_words
from bdia_edm.run.run import ARITHMETIC, Run
from bdia_edm.run.summary import describe_device, labels_of, summarize
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


def finish(run: Run, say: Say = to_stderr) -> Record:
    """The run's record; what is not done yet is done first, by all workers.

    While it works, PyTorch computes in full float32 with repeatable kernels: flags of the whole process, which are put
    back. Under torchrun the number of threads is set, and stays so.

    Args:
        run: checked and loaded.
        say: takes lines for the user; those of workers in processes of their own go to stderr.

    Raises:
        UserError: an image is not finite, the disk does not take the results, or a worker dies again and again.
    """
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
    return ending.record


def next_board() -> Board:
    """The board of the next run of the processes that were started together, of whose cores this one takes its part.

    PyTorch's number of threads is set, and stays so, where OMP_NUM_THREADS does not say it.
    """
    share_cores(launch_number("LOCAL_WORLD_SIZE") or 1)
    return join().new_board()


def take_part(run: Run, board: Board, say: Say) -> Ending:
    """One worker's part, until there is a record.

    Args:
        run: the same in all workers.
        board: theirs.
        say: takes the leader's lines for the user.

    Raises:
        UserError: as ``finish``; every worker raises it.
    """
    work = _work_of(run)
    with telling(board), _disk_errors_said(run.folder), full_precision():
        if board.rank:
            return _told(json.loads(follow(work, board, run.config.verbosity)))
        ending = _lead(run, work, board, say)
        announce_end(board, to_json(ending._asdict(), indent=None))
    return ending


def _by_workers(run: Run) -> Ending:
    """Has workers of its own do it; this process only looks whether there is anything to do."""
    record = _record_of(run)
    if record is not None and not _has_shards_to_remove(run):
        return Ending(record, True)
    task = {"config": run.config.source, "command": run.command}
    try:
        outcome = launch("bdia_edm.run.worker_process", task, run.num_workers)
    except UserError as error:
        # There was nobody left who could have noted it.
        note_error(run.folder, _plan_of(run, run.num_workers), error)
        raise
    if "error" in outcome:
        raise UserError(outcome["error"])
    return _told(outcome)


def _told(ending: Mapping[str, Any]) -> Ending:
    """An ending that another process told as JSON."""
    return Ending(as_record(ending["record"]), ending["done_before"])


def _lead(run: Run, work: SamplingWork, board: Board, say: Say) -> Ending:
    record = _record_of(run)
    if record is not None and not _has_shards_to_remove(run):
        return Ending(record, True)
    with RunFolder(run.folder).locked(say):
        # Who held the lock before may have finished it, or have been killed before it removed the shards.
        record = _record_of(run)
        done_before = record is not None
        if record is None:
            with logged(run.folder, f"begun, workers: {board.size}: {run.command}", say) as both:
                record = _make(run, work, board, both)
        forget_plan(run.folder)
        if _has_shards_to_remove(run):
            shutil.rmtree(RunFolder(run.folder).shards)
    return Ending(record, done_before)


def _make(run: Run, work: SamplingWork, board: Board, say: Say) -> Record:
    # Before the work, during which somebody may edit the files.
    facts: dict[str, Any] = {"code": code_version(), "warnings": _warnings(run), "workers": board.size}
    for warning in facts["warnings"]:
        say(warning)
    with plan_kept(run.folder, _plan_of(run, board.size)):
        start = time.perf_counter()
        shards = lead(work, board, say, run.config.verbosity)
        facts |= _speed(run, board.found(), time.perf_counter() - start)
        return _summarize(run, shards, facts)


def _warnings(run: Run) -> list[str]:
    """What makes the figures doubtful and is known before the first image."""
    if run.detector is None:
        return []
    found = [too_few_images(len(run.config.seeds), run.detector.num_features)]
    if run.config.class_idx is not None:
        found.append(
            f"warning: class_idx={run.config.class_idx}: the images are of one class; unless model.reference="
            f"{run.config.model.reference} is of this class alone, the distance says that the others are missing"
        )
    return [warning for warning in found if warning]


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


def _speed(run: Run, found: int, wall_seconds: float) -> dict[str, float]:
    """The record's figures of this start."""
    made = len(run.config.seeds) - found
    return {"images_found": found, "wall_seconds": wall_seconds, "images_per_wall_second": made / wall_seconds}


def _summarize(run: Run, shards: Iterator[Shard], facts: Mapping[str, Any]) -> Record:
    config = run.config
    return summarize(
        shards,
        run.folder,
        seeds=config.seeds,
        sampler=config.sampler,
        detector=run.detector,
        reference=run.reference,
        metrics=run.metrics,
        facts={
            "model": config.model.name,
            "class_idx": config.class_idx,
            "detector": config.detector.name if run.detector is None else run.detector.name,
            "command": without_secrets(run.command),
            "device": describe_device(run.device),
            "precision": describe_precision(run.denoiser, run.device),
            "checksums": run.checksums,
            "config": without_secrets_in(config.source),
            "arithmetic": ARITHMETIC,
            "series": run.series,
            **facts,
        },
    )


def _folder_of(run: Run) -> BlockFolder:
    return BlockFolder(run.folder, run.identity, run.config.save_images)


def _work_of(run: Run) -> SamplingWork:
    config = run.config
    sampler = BlockSampler(
        denoiser=run.denoiser,
        sampler=config.sampler,
        detector=run.detector,
        device=run.device,
        batch_size=config.batch_size,
        class_idx=config.class_idx,
        keep_images=config.save_images != "none",
        keep_logits=any("logits" in metric.needs for metric in run.metrics),
    )
    return SamplingWork(run.title, run.blocks, _folder_of(run), sampler)


def _plan_of(run: Run, workers: int) -> Plan:
    config, found = run.config, _folder_of(run).found(run.blocks)
    title = run_words(labels_of(config.sampler), config.sampler.num_steps, format_seeds(config.seeds), config.class_idx)
    command = without_secrets(run.command)
    return Plan(len(config.seeds), config.block_size, found, workers, command, title)


def _record_of(run: Run) -> Record | None:
    """The record, where everything that was asked for is there with it."""
    record, folder = read_record(run.folder), _folder_of(run)
    kept = not run.config.keep_features or all(folder.path(block).is_file() for block in run.blocks)
    images = all(folder.images.holds(block.index, block.seeds) for block in run.blocks)
    return record if kept and images else None


def _has_shards_to_remove(run: Run) -> bool:
    return not run.config.keep_features and RunFolder(run.folder).shards.exists()


@contextmanager
def _disk_errors_said(folder: Path) -> Iterator[None]:
    """A disk that does not take the results is the user's to mend."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{folder}: cannot write there: {error}; what is finished is kept") from error
