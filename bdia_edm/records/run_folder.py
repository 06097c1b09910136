"""A run's folder: the name of every file in it, and its lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bdia_edm.base import file_lock
from bdia_edm.base.lines import Say

__all__ = ["PLAN", "RECORD", "RunFolder", "run_folders"]

RECORD = "record.json"
PLAN = "plan.json"


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run's files, whether they are there or not.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def record(self) -> Path:
        """The record, written last: where it is, the run is finished."""
        return self.path / RECORD

    @property
    def plan(self) -> Path:
        """What the run was started for, until it is finished."""
        return self.path / PLAN

    @property
    def error(self) -> Path:
        """What ended the last start, where something did."""
        return self.path / "error.txt"

    @property
    def log(self) -> Path:
        """What was said while the run was made, with times; every start adds to it."""
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held by who works on the run."""
        return self.path / "lock"

    @property
    def shards(self) -> Path:
        """The folder of the finished blocks' features, counts and times."""
        return self.path / "shards"

    @property
    def images(self) -> Path:
        """The folder of all images, where they are asked for."""
        return self.path / "images"

    @property
    def grid(self) -> Path:
        """The first images as a picture."""
        return self.path / "grid.png"

    @property
    def preview(self) -> Path:
        """The first images' pixels, with their labels and seeds."""
        return self.path / "preview.npz"

    @property
    def uncertainty(self) -> Path:
        """What intervals of the record's distances are computed from."""
        return self.path / "uncertainty.npz"

    @property
    def round_trips(self) -> Path:
        """Of an inversion the first images with their latents, as a picture."""
        return self.path / "round_trips.png"

    @property
    def edits(self) -> Path:
        """Of an edit the first images and what they became, as a picture."""
        return self.path / "edits.png"

    @property
    def way(self) -> Path:
        """The first images' ways through the noise levels, as a picture."""
        return self.path / "trajectory.png"

    @property
    def way_arrays(self) -> Path:
        """The states of these ways."""
        return self.path / "trajectory.npz"

    def strips(self, frames: int) -> Path:
        """Of an inversion the folder of the strips of so many images between two of its own."""
        return self.path / f"{frames}frames"

    def shard(self, index: int) -> Path:
        """The shard of the block ``index``."""
        return self.shards / f"{index:05d}.npz"

    def shard_times(self) -> dict[int, float]:
        """When each shard that is there was written, by its block's index; the file system's time, in seconds."""
        found: dict[int, float] = {}
        # A run that finishes in this moment removes a shard, or all of them.
        with suppress(OSError):
            for entry in list(os.scandir(self.shards)):
                stem = entry.name.partition(".")[0]
                # '²' is a digit to Python, and '٣' a number.
                index = int(stem) if stem.isascii() and stem.isdigit() else None
                # A folder or a FIFO under that name is made again, and a link to a device.
                if index is not None and self.shard(index).name == entry.name and entry.is_file():
                    with suppress(FileNotFoundError):
                        found[index] = entry.stat().st_mtime
        return found

    @contextmanager
    def locked(self, say: Say) -> Iterator[None]:
        """Holds the folder's lock, the folder made where it is missing; waits for it, and says so."""
        waiting = f"another process works on {self.path}; waiting for it"
        without = f"{self.path}: this file system has no locks; do not start the same run twice"
        with file_lock.locked(self.lock, say, waiting, without):
            yield

    def is_locked(self) -> bool:
        """Whether a process works on the run; works where nothing can be written."""
        return file_lock.is_locked(self.lock)


def run_folders(results_dir: Path, *names: str) -> list[Path]:
    """Every folder in ``results_dir`` and below that holds a file of one of the names, in order."""
    found: list[Path] = []
    for path, folders, files in os.walk(results_dir):
        if set(names) & set(files):
            found.append(Path(path))
            # Perhaps 50,000 images, and no runs.
            own = RunFolder(Path(path))
            folders[:] = [name for name in folders if name not in (own.shards.name, own.images.name)]
    return sorted(found)
