"""python -m bdia_edm.status RESULTS_DIR: how far every run in it is, read from its files alone.

Nothing is written, and the runs are not disturbed: it works from another machine and where nothing can be written.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bdia_edm.base.errors import UserError, one_line_errors
from bdia_edm.base.lines import one_line, to_stdout
from bdia_edm.base.usage import Command
from bdia_edm.records.notes import read_error, read_plan
from bdia_edm.records.record import read_record
from bdia_edm.records.run_folder import PLAN, RECORD, RunFolder, run_folders
from bdia_edm.records.wording import run_words

__all__ = ["RunStatus", "find_runs", "main"]

_WIDEST = 500
_IMAGES = {"invert": "inverse of images", "edit": "edit of images"}


@dataclass(frozen=True)
class RunStatus:
    """One run.

    Attributes:
        name: its folder, from the results folder on.
        state: 'done', 'running', 'interrupted' (the same command goes on with it) or 'failed'.
        done, total: images; total is None where the run's plan cannot be read.
        workers: how many work on it or did.
        rate: images per second; of a finished run, per second of one worker's work.
        seconds_left: of a running one, at that rate.
        error: what ended a failed one.
        title: what tells it from the others: its sampler's options and its seeds.
    """

    name: str
    state: str
    done: int
    total: int | None = None
    workers: int | None = None
    rate: float | None = None
    seconds_left: float | None = None
    error: str | None = None
    title: str = ""


def find_runs(results_dir: Path) -> list[RunStatus]:
    """Every run in ``results_dir`` and below, by name."""
    return [_look_at(path, path.relative_to(results_dir)) for path in run_folders(results_dir, RECORD, PLAN)]


def _look_at(folder: Path, name: Path) -> RunStatus:
    files = RunFolder(folder)
    running, error, plan = files.is_locked(), read_error(folder), read_plan(folder)
    try:
        record = read_record(folder)
    except UserError as damage:
        return RunStatus(str(name), "failed", 0, error=str(damage))
    if record is not None and not running and error is None:
        num, workers, speed = record["num_images"], record.get("workers", 1), record["images_per_second"]
        what = _IMAGES.get(record.get("task", ""), "seeds")
        title = run_words(record["labels"], record["sampler"]["num_steps"], record["seeds"], record["class_idx"], what)
        return RunStatus(str(name), "done", num, num, workers, speed, title=title)
    state = "running" if running else "interrupted" if error is None else "failed"
    if plan is None:
        return RunStatus(str(name), state, 0, error=error)
    shards = files.shard_times()
    done = sum(max(min(plan.block_size, plan.total - index * plan.block_size), 0) for index in shards)
    rate = left = None
    # A run that finishes in this moment removes its plan.
    with suppress(FileNotFoundError):
        if running and done > plan.found:
            # Both times are the file system's own.
            elapsed = max(shards.values()) - files.plan.stat().st_mtime
            rate = (done - plan.found) / max(elapsed, 1e-3)
            left = (plan.total - done) / rate
    error = None if running else error
    return RunStatus(str(name), state, done, plan.total, plan.workers, rate, left, error, plan.title)


def _table(runs: list[RunStatus]) -> str:
    head = ("run", "what", "state", "done", "total", "workers", "images/s", "left", "error")
    # Names and texts from files: each stays in its cell.
    rows = [head, *([one_line(cell, _WIDEST) for cell in _row(run)] for run in runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


def _row(run: RunStatus) -> tuple[str, ...]:
    left = "" if run.seconds_left is None else f"{round(run.seconds_left)} s"
    rate = "" if run.rate is None else f"{run.rate:.4g}"
    return (
        run.name,
        run.title,
        run.state,
        str(run.done),
        "?" if run.total is None else str(run.total),
        "" if run.workers is None else str(run.workers),
        rate,
        left,
        run.error or "",
    )


@click.command(cls=Command)
@click.argument("results_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="one JSON list instead of the table")
def main(results_dir: Path, as_json: bool) -> None:
    """Shows every run in RESULTS_DIR and below: done, running, interrupted or failed, and how far it is."""
    with one_line_errors():
        runs = find_runs(results_dir)
        if not runs and not as_json:
            raise UserError(f"{results_dir}: no runs in it or below; bdia_edm.sample starts them")
        to_stdout(json.dumps([asdict(run) for run in runs], indent=2) if as_json else _table(runs))


if __name__ == "__main__":
    main()
