"""batch_size=auto: the number that is fastest here, measured once for each device, model and precision.

It is remembered in the cache folder of fetched files (BDIA_EDM_CACHE), a small JSON file for each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_lock import locked
from bdia_edm.base.launched import launched_ranks
from bdia_edm.base.lines import Say, to_stderr
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.checkpoints.downloads import LOCK, NOTES, cache_folder
from bdia_edm.config.common_config import AUTO, MOST
from bdia_edm.engine.batch_search import fastest_batch
from bdia_edm.engine.precision import describe_precision, full_precision
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.run.run import ModelRun
from bdia_edm.run.summary import describe_device

__all__ = ["remembered_batch", "with_batch_size"]

T = TypeVar("T", bound=ModelRun)

_ELSEWHERE = 64
"""Where processes of their own make the images, each measures or remembers; this one makes the few of a picture."""


def with_batch_size(run: T, say: Say = to_stderr) -> T:
    """The run with a number where its batch_size is 'auto'."""
    if run.config.batch_size != AUTO:
        return run
    number = _ELSEWHERE
    if launched_ranks() is not None or run.num_workers == 1:
        number = remembered_batch(run.denoiser, run.checksums["model"], run.device, say)
    # The config's source still says 'auto', for the record and for workers.
    return replace(run, config=replace(run.config, batch_size=number), checked=())


def remembered_batch(denoiser: Denoiser, checksum: str, device: torch.device, say: Say) -> int:
    """The fastest batch of this network on this device, measured where it is not remembered.

    Args:
        checksum: the network's.
        say: told that it is measured, which takes seconds.
    """
    with full_precision():
        precision = describe_precision(denoiser, device)
    known = {"device": describe_device(device), "model": checksum, "precision": precision, "torch": torch.__version__}
    # Without a home, or in a folder that cannot be written, it is measured every time.
    with suppress(UserError, OSError):
        path = _path_of(known)
        found = _read(path)
        if found is None:
            # Workers of one machine measure one after the other, and all but the first find it.
            with locked(path.with_name(path.name + LOCK), say, "waiting for another process that measures", ""):
                found = _read(path) or _measure(denoiser, device, say)
                write_text_whole(path, json.dumps({**known, **found}, indent=2) + "\n")
        return int(found["batch_size"])
    return int(_measure(denoiser, device, say)["batch_size"])


def _path_of(known: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / NOTES / f"batch_size-{digest}.json"


def _read(path: Path) -> dict[str, Any] | None:
    """What was found before; None where nothing was, or somebody damaged it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    number = found.get("batch_size") if isinstance(found, dict) else None
    return found if isinstance(number, int) and 1 <= number <= MOST else None


def _measure(denoiser: Denoiser, device: torch.device, say: Say) -> dict[str, Any]:
    say(f"batch_size={AUTO}: measuring how many images at once are fastest; it is remembered")
    found = fastest_batch(denoiser, device)
    return {"batch_size": found.batch_size, "seconds_per_image": found.seconds}
