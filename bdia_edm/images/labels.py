"""The classes of images that other programs made: of an npz its `labels`, of files EDM's dataset.json beside them.

    {"labels": [["00000/img00000000.png", 3], ...]}     names relative to dataset.json; null in the list's place: none

What is asked for is there for every image, or nowhere, or refused in one line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.npy_header import read_npy_header
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.images.image_file import MAX_BYTES

__all__ = ["LIST", "read_array_labels", "read_listed_labels"]

LIST = "dataset.json"
"""The list's name, on the top of the folder or zip."""

_MEMBER = "labels.npy"
_LARGEST = 10**9
_A_CLASS = f"a class, a whole number from 0 to {_LARGEST}"
_WANTED = '{"labels": [["name of an image", class], ...]}, or null in the place of the list'


def read_listed_labels(file: IO[bytes], names: Sequence[str], label: str) -> NDArray[np.int64] | None:
    """The classes of the images ``names``, in their order; None where the list is null. Further entries are passed by.

    Args:
        file: dataset.json, open.
        names: relative to it, with '/'.
        label: what the messages call the file.

    Raises:
        UserError: it is no such list, an image is not in it, or its label is no class.
    """
    try:
        content = json.loads(file.read(MAX_BYTES))
    # A damaged zip raises many things, and a text of brackets alone RecursionError.
    except Exception as error:
        raise UserError(f"{label}: cannot be read as JSON: {one_line(error, 150)}") from error
    listed = content.get("labels", ()) if isinstance(content, dict) else ()
    if listed is None:
        return None
    if not isinstance(listed, list) or not all(_is_entry(entry) for entry in listed):
        raise UserError(f"{label}: holds no list of labels; must be {_WANTED}")
    known: dict[str, Any] = dict(listed)
    found = np.empty(len(names), np.int64)
    for index, name in enumerate(names):
        if name not in known:
            raise UserError(
                f"{label}: has no label of {printable(name)}; must have one of every image, or be taken out"
            )
        value = known[name]
        if type(value) is not int or not 0 <= value <= _LARGEST:
            raise UserError(f"{label}: the label of {printable(name)} is {_shown(value)}; must be {_A_CLASS}")
        found[index] = value
    return found


def read_array_labels(path: Path, num: int, label: str) -> NDArray[np.int64] | None:
    """The array `labels` of an npz of ``num`` images; None where it has none, or all are -1, as of a network without.

    Args:
        label: what the messages call the file.

    Raises:
        UserError: it cannot be read, is not one whole number an image, or one is no class.
    """
    try:
        with open_plain_zip(path) as archive:
            if _MEMBER not in archive.namelist():
                return None
            with archive.open(_MEMBER) as stream:
                shape, _, dtype = read_npy_header(stream)
                fit = shape == (num,) and dtype.kind in "iu"
                # One byte more, which is not there, makes zipfile look at the checksum.
                data = stream.read(num * dtype.itemsize + 1) if fit else b""
    except Exception as error:  # the parsers of zip and npy raise whatever they stumble over
        raise UserError(f"{label}: its labels cannot be read: {one_line(error, 150)}") from error
    if not fit:
        raise UserError(f"{label}: labels is {dtype} {shape}; must be whole numbers ({num},), a class of each image")
    if len(data) != num * dtype.itemsize:
        raise UserError(f"{label}: labels says {shape}, but {len(data)} bytes of it are stored")
    values = np.frombuffer(data, dtype)
    if num and (values == -1).all():
        return None
    wrong = np.flatnonzero((values < 0) | (values > _LARGEST))
    if len(wrong):
        raise UserError(f"{label}: the label of image {wrong[0]} is {values[wrong[0]]}; must be {_A_CLASS}")
    return values.astype(np.int64)


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)


def _shown(value: Any) -> str:
    return one_line(json.dumps(value), 60)
