"""PIE-Bench's folder of edits: pictures, what they show, what they are to show, and where they are to change.

Ju et al. 2023, arXiv 2310.01506; 700 pictures of 512 x 512. The folder holds ``mapping_file.json``, an object with an
entry for each picture, and ``annotation_images/``, the pictures:

    "000000000000": {"image_path": "0_random_140/000000000000.jpg", "original_prompt": "a bicycle on the road",
                     "editing_prompt": "a [rusty] bicycle on the road", "editing_type_id": "0", ..., "mask": [...]}

Brackets in prompts mark what differs, and are removed; the words in them stay. The mask is a run-length code of the
512 x 512 pixels: start, length, start, length, ..., 0 being the first pixel; it is true where the picture is to change.
The benchmark's own page says no more than that the mask is run-length encoded, and 1 where it is to change. That these
are starts and lengths is read off PIE-Bench++'s page, where the code of a whole picture is the text "0 262144" (texts
are read too); that rows come first is assumed. The mask is taken as it is coded: nothing is added at the border.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, printable
from bdia_edm.records.json_types import parse

__all__ = ["MAPPING", "PICTURES", "SIZE", "EditTask", "read_pie_bench"]

MAPPING = "mapping_file.json"
PICTURES = "annotation_images"
SIZE = 512
"""Pixels a side that masks are of."""

_LARGEST = 256 * 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class EditTask:
    """A picture to edit.

    Attributes:
        name: the entry's.
        path: of the picture, which exists; it is not read.
        prompt: what the picture shows.
        edit: what it is to show.
        mask: (512, 512) bool, where it is to change; None where the entry has none.
        kind: the benchmark's number of the type of the edit, 0 to 9 as a text; '' where the entry has none.
    """

    name: str
    path: Path
    prompt: str
    edit: str
    mask: NDArray[np.bool_] | None
    kind: str = ""


def read_pie_bench(folder: str | Path) -> list[EditTask]:
    """The tasks of a folder, in the file's order.

    Raises:
        UserError: the folder, an entry or its mask is not as above, or a picture is missing; names the entry.
    """
    folder = Path(folder)
    path = folder / MAPPING
    if not path.is_file():
        raise UserError(f"{path}: no such file; must be a folder of PIE-Bench's layout, {MAPPING} and {PICTURES}/")
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST:,} bytes")
        entries = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable: {one_line(error)}") from error
    if not isinstance(entries, dict) or not entries:
        raise UserError(f"{path}: must be an object with an entry for every picture")
    tasks = []
    for name, entry in entries.items():
        try:
            tasks.append(_task(name, entry, folder / PICTURES))
        except ValueError as error:
            raise UserError(f"{path}: entry {printable(name)}: {one_line(error)}") from error
    return tasks


def _task(name: str, entry: Any, pictures: Path) -> EditTask:
    if not isinstance(entry, dict):
        raise ValueError("must be an object")
    texts = {key: _text(entry, key) for key in ("image_path", "original_prompt", "editing_prompt")}
    path = pictures / texts["image_path"]
    # A name that leads out of the folder is a mistake, or somebody's trick.
    if Path(texts["image_path"]).is_absolute() or ".." in Path(texts["image_path"]).parts:
        raise ValueError(f"image_path={texts['image_path']}: must be a path inside {PICTURES}/")
    # Unlike Path.is_file it takes names that are too long for the disk.
    if not os.path.isfile(path):
        raise ValueError(f"image_path={texts['image_path']}: no such picture in {PICTURES}/")
    kind = entry.get("editing_type_id", "")
    return EditTask(
        name=name,
        path=path,
        prompt=_without_brackets(texts["original_prompt"]),
        edit=_without_brackets(texts["editing_prompt"]),
        mask=None if entry.get("mask") is None else _mask(entry["mask"]),
        kind=str(kind) if isinstance(kind, str | int) else "",
    )


def _text(entry: dict[str, Any], key: str) -> str:
    if key not in entry:
        raise ValueError(f"{key}: missing")
    value = entry[key]
    if not isinstance(value, str) or (key == "image_path" and not value) or "\0" in value:
        raise ValueError(f"{key}: must be a text")
    return value


def _without_brackets(prompt: str) -> str:
    return " ".join(prompt.replace("[", "").replace("]", "").split())


def _mask(code: Any) -> NDArray[np.bool_]:
    if isinstance(code, str):
        words = code.split()
        if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
            raise ValueError("mask: must be numbers")
        code = [int(word) for word in words]
    if not isinstance(code, list) or len(code) % 2 or not all(_is_count(each) for each in code):
        raise ValueError("mask: must be a list of whole numbers, pairs of a start and a length")
    return _from_runs(code)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _from_runs(code: Sequence[int]) -> NDArray[np.bool_]:
    mask = np.zeros(SIZE * SIZE, dtype=bool)
    for start, length in zip(code[::2], code[1::2], strict=True):
        if start + length > mask.size:
            raise ValueError(f"mask: the run {start}, {length} ends beyond the {mask.size:,} pixels")
        mask[start : start + length] = True
    return mask.reshape(SIZE, SIZE)
