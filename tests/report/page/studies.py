"""Small studies as folders of records, with what intervals are computed from and with pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bdia_edm.records.record import read_records, write_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import KeptDistance, KeptUncertainty, write_uncertainty
from bdia_edm.report.rows import Group, group_records
from tests.report.test_tables import record

NUM_IMAGES = 3000
RNG = np.random.default_rng(7)
SHARED = RNG.standard_normal(NUM_IMAGES)
BLOCKS = ("0-2999", "3000-5999", "6000-8999")


class Point(NamedTuple):
    """A setting: its distances on each block of seeds, and how far its images' numbers stray from the others'."""

    name: str
    nfe: int
    distances: Sequence[float]
    columns: dict[str, Any] | None = None
    noise: float = 0.1
    steps: int = 6


def gamma(value: float, nfe: int, *distances: float, noise: float = 0.1, **more: Any) -> Point:
    return Point("bdia", nfe, distances, {"gamma": value}, noise, **more)


def edm(nfe: int, *distances: float, **more: Any) -> Point:
    return Point("edm", nfe, distances, **more)


def study(
    folder: Path,
    *points: Point,
    keep: bool = True,
    pictures: bool = False,
    seeds: Sequence[str] = BLOCKS,
    first: int = 0,
    **changed: Any,
) -> Path:
    """Writes a run for every block of every point; the first point's number is ``first``."""
    for number, point in enumerate(points, first):
        own = np.random.default_rng(number)
        for block, (block_seeds, distance) in enumerate(zip(seeds, point.distances, strict=False)):
            run = folder / f"run-{number:02d}-{block}"
            run.mkdir(parents=True)
            name = f"{point.name}-{point.columns}-{point.steps}-{point.nfe}"
            given = record(point.name, point.steps, point.nfe, distance, point.columns, seeds=block_seeds, series=name)
            command = f"python -m bdia_edm.sample sampler={point.name} seeds={block_seeds}"
            write_record(run, {**given, "command": command, **changed})  # type: ignore[typeddict-item]
            numbers = SHARED + point.noise * own.standard_normal(NUM_IMAGES)
            if keep and np.isfinite(distance):
                kept = KeptDistance(distance, 64, NUM_IMAGES, numbers - numbers.mean(), np.empty(0))
                write_uncertainty(run, KeptUncertainty(block_seeds, {"fd_digits": kept}))
            if pictures:
                shade = np.random.default_rng(5).integers(0, 200, (20, 8, 8, 1))
                np.savez(RunFolder(run).preview, arr_0=(shade + 10 * number).clip(0, 255).astype(np.uint8))
    return folder


def groups_of(folder: Path) -> list[Group]:
    records, folders, damaged = read_records(folder)
    assert damaged == []
    return group_records(records, folders)
