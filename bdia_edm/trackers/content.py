"""What trackers show of a record: its figures, its options, its tags and the run's pictures, in plain values.

URLs' users, passwords and tokens are in none of them, of records of earlier versions either.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bdia_edm.base.urls import without_secrets, without_secrets_in
from bdia_edm.records.record import Record
from bdia_edm.records.run_folder import RunFolder

__all__ = ["figures_of", "finished_at", "key_of", "options_of_run", "pictures_in", "step_of", "tags_of"]

Plain = str | float | bool


def figures_of(record: Record) -> dict[str, float]:
    """Every figure by its name, with its standard error where it has one, and what the images cost."""
    found = dict(record["metrics"])
    for name, uncertainty in record.get("uncertainty", {}).items():
        found[f"{name}_standard_error"] = uncertainty["standard_error"]
    found["nfe"] = record["nfe"]
    found["images_per_second"] = record["images_per_second"]
    for name in ("nfe_inverse", "images_per_wall_second", "device_seconds"):
        if name in record:
            found[name] = record[name]  # type: ignore[literal-required]
    return {name: float(value) for name, value in found.items()}


def step_of(record: Record) -> int:
    """The axis that runs have in common: evaluations of the denoiser per image, to the nearest whole number."""
    return round(record["nfe"])


def options_of_run(record: Record) -> dict[str, Plain]:
    """The config by the names that the user types: 'sampler.gamma'; lists as JSON, null as a text."""
    config = record.get("config") or {"sampler": record["sampler"]}
    return dict(_flat(without_secrets_in(config), ""))


def tags_of(record: Record) -> dict[str, str]:
    """What tells the run from others, and what repeats and verifies it."""
    found = {
        "command": without_secrets(record["command"]),
        "task": record.get("task", "sample"),
        "model": record["model"],
        "sampler": record["labels"]["sampler"],
        "seeds": record["seeds"],
        "num_images": str(record["num_images"]),
        "device": str(record["device"].get("name", record["device"]["type"])),
    }
    if "finished" in record:
        found["finished"] = record["finished"]
    for where in ("code", "checksums", "versions"):
        for name, value in record.get(where, {}).items():  # type: ignore[attr-defined]
            found[f"{where}.{name}"] = str(value)
    return found


def pictures_in(folder: Path) -> dict[str, Path]:
    """The pictures that a run of any kind has made, by their names."""
    run = RunFolder(folder)
    return {path.stem: path for path in (run.grid, run.round_trips, run.edits) if path.is_file()}


def finished_at(record: Record) -> float:
    """When the run was finished, in seconds since 1970; of a record that does not say it, now."""
    try:
        return float(calendar.timegm(time.strptime(record["finished"], "%Y-%m-%dT%H:%M:%SZ")))
    except (KeyError, ValueError):
        return time.time()


def key_of(record: Record, folder: Path, *place: str) -> str:
    """Letters and digits that stand for this record of this run, so that it is not logged twice to one place.

    A run whose folder was removed and that was made again has another.

    Args:
        place: what tells the place from others, where the tracker does not.
    """
    told = json.dumps([folder.name, record.get("finished", ""), *place])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _flat(values: Mapping[str, Any], where: str) -> Iterator[tuple[str, Plain]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{where}{name}.")
        elif isinstance(value, str | float | int | bool):
            yield f"{where}{name}", value
        else:
            yield f"{where}{name}", json.dumps(value)
