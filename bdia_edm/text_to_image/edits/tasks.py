"""The pictures of an edit with their prompts and masks: files, a folder, or a benchmark in PIE-Bench's layout."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.option_names import named
from bdia_edm.images.image_file import EXTENSIONS, read_image
from bdia_edm.images.listing import is_hidden
from bdia_edm.metrics.outside_mask import resized_mask
from bdia_edm.run.loaded_once import loaded_once
from bdia_edm.text_to_image.edits.config import EditPicturesOptions
from bdia_edm.text_to_image.pie_bench import MAPPING, read_pie_bench

__all__ = ["Checked", "Picture", "Task", "Tasks", "find_tasks"]

_WHITE = 128


@dataclass(frozen=True)
class Task:
    """One picture and what is to become of it.

    Attributes:
        file: the picture's.
        prompt: what it shows.
        edit: the prompt that it is to follow; None where it is only brought back.
        mask: (H, W) bool, true where it was to change, of the picture's shape; None where nobody says.
    """

    file: Path
    prompt: str
    edit: str | None
    mask: NDArray[np.bool_] | None = None

    def __str__(self) -> str:
        return printable(str(self.file))


class Picture(NamedTuple):
    """A picture as it is edited: pixels (H, W, 3) uint8, and its mask (H, W) bool."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Checked:
    """What is known of pictures that were read.

    Attributes:
        size: their height and width.
        checksum: SHA-256 of pixels, prompts and masks.
        tasks: theirs, for all runs of the same: masks take memory.
    """

    size: tuple[int, int]
    checksum: str
    tasks: Sequence[Task] = field(compare=False, repr=False)


@dataclass(frozen=True)
class Tasks:
    """The pictures that were chosen, read one at a time.

    Attributes:
        tasks: in their order.
        size: height and width that pictures are made to fit; None: they are taken as they are.
    """

    tasks: Sequence[Task]
    size: tuple[int, int] | None

    def read(self, place: int) -> Picture:
        """A picture by its place; UserError where its file cannot be read, or it would have to be made to fit."""
        task = self.tasks[place]
        pixels, mask = _read(task.file, f"{named('image')}={task}"), task.mask
        height, width = pixels.shape[:2]
        if mask is not None and mask.shape != (height, width):
            if mask.shape[0] * width != mask.shape[1] * height:
                raise UserError(
                    f"{named('mask')}: {_size(mask)} pixels, {_size(pixels)} of {task}; must be of the same shape"
                )
            mask = resized_mask(mask, height, width)
        if self.size is not None:
            top, left, bottom, right = _centre(height, width, self.size)
            image = Image.fromarray(_three(pixels)).crop((left, top, right, bottom))
            pixels = np.asarray(image.resize(self.size[::-1], Image.Resampling.LANCZOS))
            mask = None if mask is None else resized_mask(mask[top:bottom, left:right], *self.size)
        if pixels.shape[2] != 3:
            raise UserError(f"{named('image')}={task}: a grey picture; must be RGB, as resize=true makes it")
        return Picture(pixels, mask)

    def check(self, factor: int) -> Checked:
        """Reads all pictures once; where their files have not changed since that was done for another run, not again.

        Args:
            factor: by which height and width must divide.

        Raises:
            UserError: a picture cannot be read, is of another size than the first or of one that does not divide, or
                its mask is of another shape.
        """
        states = [(task.file, task.file.stat()) for task in self.tasks if task.file.exists()]
        files = tuple((str(file), state.st_size, state.st_mtime_ns) for file, state in states)
        words = tuple((task.prompt, task.edit, _key(task.mask)) for task in self.tasks)
        return loaded_once(("pictures", files, words, self.size, factor), lambda: self._checked(factor))

    def _checked(self, factor: int) -> Checked:
        digest, size, first = hashlib.sha256(), (0, 0), ""
        for place, task in enumerate(self.tasks):
            pixels, mask = self.read(place)
            if not place:
                size, first = (pixels.shape[0], pixels.shape[1]), str(task)
            if size[0] % factor or size[1] % factor:
                raise UserError(
                    f"{named('image')}={task}: {_size(pixels)} pixels; width and height must be multiples of {factor}, "
                    "as resize=true makes them"
                )
            if pixels.shape[:2] != size:
                raise UserError(
                    f"{named('image')}={task}: {_size(pixels)} pixels, the first ({first}) has {size[1]} x {size[0]}; "
                    "must be the same for all, as resize=true makes them"
                )
            words = repr((pixels.shape, task.prompt, task.edit, mask is not None))
            for part in (words.encode(), pixels.tobytes(), b"" if mask is None else mask.tobytes()):
                digest.update(part)
        return Checked(size, digest.hexdigest(), self.tasks)


def find_tasks(options: EditPicturesOptions) -> list[Task]:
    """All pictures that ``image`` names, with their prompts and masks, read from nothing but the benchmark's file.

    Raises:
        UserError: there are none, or a prompt or a mask is missing or too much.
    """
    given = [Path(each).expanduser() for each in options.image]
    if len(given) == 1 and (given[0] / MAPPING).is_file():
        return _of_benchmark(given[0], options)
    if options.prompt is None:
        raise UserError(f"{named('prompt')}: missing; must say what the pictures show ('' for nothing)")
    files = [file for path in given for file in _files(path)]
    mask = None
    if options.mask is not None:
        path = Path(options.mask).expanduser()
        mask = _read(path, f"{named('mask')}={printable(str(path))}").max(axis=2) >= _WHITE
    return [Task(file, options.prompt, options.edit, mask) for file in files]


def _of_benchmark(folder: Path, options: EditPicturesOptions) -> list[Task]:
    for name in ("prompt", "edit", "mask"):
        if getattr(options, name) is not None:
            raise UserError(
                f"{name}: {printable(str(folder))} is a benchmark that has its own ({MAPPING}); leave it out"
            )
    return [Task(each.path, each.prompt, each.edit, each.mask) for each in read_pie_bench(folder)]


def _files(path: Path) -> list[Path]:
    """The picture, or the pictures of a folder in the order of their names."""
    shown = f"{named('image')}={printable(str(path))}"
    if not path.is_dir():
        if not path.exists():
            raise UserError(f"{shown}: no such file or folder")
        return [path]
    found = [each for each in sorted(path.iterdir()) if not is_hidden(each.name)]
    files = [each for each in found if each.suffix.lower() in EXTENSIONS and each.is_file()]
    if not files:
        raise UserError(f"{shown}: no pictures in this folder ({', '.join(EXTENSIONS)})")
    return files


def _read(path: Path, shown: str) -> NDArray[np.uint8]:
    """Pixels (H, W, 1 or 3)."""
    try:
        with path.open("rb") as file:
            return read_image(file, shown)
    except OSError as error:
        raise UserError(f"{shown}: cannot be read: {error.strerror}") from error


def _key(mask: NDArray[np.bool_] | None) -> object:
    return None if mask is None else (mask.shape, hashlib.sha256(mask.tobytes()).digest())


def _three(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def _size(pixels: NDArray[np.generic]) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"


def _centre(height: int, width: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the largest part around the centre that has the shape of ``size``."""
    scale = min(height / size[0], width / size[1])
    down, across = max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
    top, left = (height - down) // 2, (width - across) // 2
    return top, left, top + down, left + across
