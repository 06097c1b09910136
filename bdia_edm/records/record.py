"""Records: one JSON file per finished run, everything that is needed to trust a figure and to repeat it."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.whole_files import written_whole

__all__ = ["RECORD", "read_record", "read_records", "to_json", "write_record"]

RECORD = "record.json"
Record = dict[str, Any]
_NEEDED = {"model", "sampler", "seeds", "class_idx", "num_images", "nfe", "metrics", "images_per_second"}
_NEEDED |= {"checksums", "device", "command"}


def to_json(record: Record, indent: int | None = 2) -> str:
    """Strict JSON; infinite numbers, which JSON has not, become the texts 'inf' and '-inf'."""
    return json.dumps(_plain(record), indent=indent, allow_nan=False)


def write_record(folder: Path, record: Record) -> None:
    """Writes folder/record.json, whole or not at all."""
    with written_whole(folder / RECORD) as partial, partial.open("w") as file:
        file.write(to_json(record) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_record(folder: Path) -> Record | None:
    """The record in ``folder``, None where there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable record ({error}); remove it to run again") from error
    if not isinstance(record, dict) or not set(record) >= _NEEDED:
        raise UserError(f"{path}: not a record of this program; remove it to run again")
    return record


def read_records(folder: Path) -> list[Record]:
    """All records in ``folder`` and below, in the order of their folders' names."""
    paths = sorted(folder.rglob(RECORD))
    return [record for path in paths if (record := read_record(path.parent)) is not None]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
