"""Images that other programs made: a folder, a zip or an npz, as one sequence of uint8 pixels.

The order is that of the relative paths, part by part, so a folder, its zip and the npz made of it in this order are
the same images. Only what is asked for is read: nothing here ever holds all images.
"""

from __future__ import annotations

import os
import zipfile
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.lines import Say, one_line, printable, to_stderr
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.images.containers import Container, Folder, Label, Zip
from bdia_edm.images.image_array import ImageArray
from bdia_edm.images.image_file import EXTENSIONS, MAX_BYTES, image_shape, read_image
from bdia_edm.images.labels import LIST, read_array_labels, read_listed_labels
from bdia_edm.images.listing import is_hidden, sort_names

__all__ = ["ImageSource", "open_images"]

_READERS = min(os.cpu_count() or 1, 8)
"""Threads that decode images; each has one at a time."""
_ALIKE = "all images must be of one size and kind"
_TAKEN = f"a folder of images ({', '.join(EXTENSIONS)}) or of npz files with arr_0, a zip of images, or such an npz"


class ImageSource(Protocol):
    """Images of one shape (C, H, W)."""

    @property
    def shape(self) -> tuple[int, int, int]: ...
    def __len__(self) -> int: ...

    def check(self, indices: Sequence[int]) -> None:
        """Looks at what can be known of these images without decoding them; UserError names the first bad one."""

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """The images (n, H, W, C); ascending indices are fast. UserError names an image that cannot be read."""

    def read_labels(self) -> NDArray[np.int64] | None:
        """The class of every image; None where none are kept with them. UserError where they are not fit."""

    def close(self) -> None:
        """Closes what is open."""


def open_images(path: Path, option: str = "--images", say: Say = to_stderr) -> ImageSource:
    """The images of a folder (with those below it), a zip or an npz.

    Args:
        option: what the user gave ``path`` for, for the messages.
        say: is told once what is skipped: texts, hidden and __MACOSX files.

    Raises:
        UserError: there are no images, images and npz files are mixed, or a file is not fit or of another kind.
    """
    given = f"{option}={path}"
    suffix = path.suffix.lower()
    if path.is_dir():
        return _open_folder(path, given, say)
    if not path.is_file():
        raise UserError(f"{given}: no such folder or file; must be {_TAKEN}")
    if suffix == ".npz":
        return _Arrays([ImageArray(path)], given)
    if suffix == ".zip":
        return _open_zip(path, given, say)
    raise UserError(f"{given}: must be {_TAKEN}; this is by its content {kind_of(path).words}")


class _Files:
    """One file an image."""

    def __init__(self, container: Container, names: Sequence[str]) -> None:
        self._container = container
        self._names = names
        # Pillow lets other threads run while it decodes.
        self._readers = ThreadPoolExecutor(_READERS)
        self.shape = self._header(self._names[0])

    def __len__(self) -> int:
        return len(self._names)

    def close(self) -> None:
        self._readers.shutdown()
        self._container.close()

    def check(self, indices: Sequence[int]) -> None:
        for index in indices:
            self._require_shape(self._names[index], self._header(self._names[index]))

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        channels, height, width = self.shape
        pixels = np.empty((len(indices), height, width, channels), np.uint8)
        share = max(-(-len(indices) // _READERS), 1)
        parts = [slice(first, first + share) for first in range(0, len(indices), share)]
        # In their order, so that of several bad images the first is named.
        shares = [pixels[part] for part in parts], [indices[part] for part in parts]
        for _ in self._readers.map(self._read_into, *shares):
            pass
        return pixels

    def _read_into(self, pixels: NDArray[np.uint8], indices: Sequence[int]) -> None:
        for image, index in zip(pixels, indices, strict=True):
            name = self._names[index]
            with self._open(name) as file:
                found = read_image(file, Label(self._container, name))
            self._require_shape(name, (found.shape[2], found.shape[0], found.shape[1]))
            image[:] = found

    def read_labels(self) -> NDArray[np.int64] | None:
        if not self._container.has(LIST):
            return None
        with self._open(LIST) as file:
            return read_listed_labels(file, self._names, self._container.label(LIST))

    def _header(self, name: str) -> tuple[int, int, int]:
        with self._open(name) as file:
            return image_shape(file, Label(self._container, name))

    def _open(self, name: str) -> IO[bytes]:
        label = Label(self._container, name)
        try:
            size = self._container.size(name)
            if size > MAX_BYTES:
                raise UserError(f"{label}: has {size} bytes; must have {MAX_BYTES} at most")
            return self._container.open(name)
        # RuntimeError: encrypted, or packed in a way that zipfile does not know.
        except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
            reason = one_line(getattr(error, "strerror", None) or error, 150)
            raise UserError(f"{label}: cannot be read: {reason}") from error

    def _require_shape(self, name: str, shape: tuple[int, int, int]) -> None:
        if shape != self.shape:
            label, first = self._container.label(name), self._container.label(self._names[0])
            raise UserError(f"{label}: is {_words(shape)}, and {first} is {_words(self.shape)}; {_ALIKE}")


class _Arrays:
    """One array after the other; the one read last stays open."""

    def __init__(self, arrays: Sequence[ImageArray], given: str) -> None:
        first = arrays[0]
        for array in arrays:
            if array.shape != first.shape:
                raise UserError(
                    f"{array.label}: is {_words(array.shape)}, and {first.label} is {_words(first.shape)}; {_ALIKE}"
                )
        self._arrays, self._given = arrays, given
        self._starts = [0, *accumulate(len(array) for array in arrays)]
        self._current = first
        self.shape = first.shape
        if not len(self):
            raise UserError(f"{given}: holds no images, arr_0 is empty")

    def __len__(self) -> int:
        return self._starts[-1]

    def check(self, indices: Sequence[int]) -> None:
        """Nothing is left to check: the headers of all arrays were."""

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        channels, height, width = self.shape
        pixels = np.empty((len(indices), height, width, channels), np.uint8)
        for image, index in zip(pixels, indices, strict=True):
            # Of empty arrays, which start where the next one does, this takes the one with images.
            owner = bisect_right(self._starts, index) - 1
            array = self._arrays[owner]
            if array is not self._current:
                self._current.close()
                self._current = array
            array.read(index - self._starts[owner], image)
        return pixels

    def read_labels(self) -> NDArray[np.int64] | None:
        found = [read_array_labels(array.path, len(array), array.label) for array in self._arrays if len(array)]
        known = [labels for labels in found if labels is not None]
        if known and len(known) < len(found):
            raise UserError(f"{self._given}: some of its npz files have labels, and others none; must be alike")
        return np.concatenate(known) if known else None

    def close(self) -> None:
        self._current.close()


def _open_folder(folder: Path, given: str, say: Say) -> ImageSource:
    images, arrays = sort_names(_files_below(folder, given), given, say)
    for name in images + arrays:
        if not (folder / name).is_file():
            raise UserError(f"{printable(str(folder / name))}: is no file (a broken link?); remove it")
    if images and arrays:
        raise UserError(
            f"{given}: holds images ({printable(images[0])}) and npz files ({printable(arrays[0])}); "
            "give a folder of one kind"
        )
    if arrays:
        return _Arrays([ImageArray(folder / name) for name in arrays], given)
    if not images:
        raise UserError(f"{given}: no images in it or below; must be {_TAKEN}")
    return _Files(Folder(folder), images)


def _files_below(folder: Path, given: str) -> list[str]:
    """The relative names of what is below, of hidden folders their own.

    Linked folders are followed, and every folder is looked into once.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f"{given}: {error.filename}: cannot be read: {error.strerror}") from error

    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = os.stat(root)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        below = Path(root).relative_to(folder)
        found += [str(below / name) for name in names + list(filter(is_hidden, folders))]
        # Sorted, so that it does not depend on the disk under which of its names a linked folder is found.
        folders[:] = sorted(name for name in folders if not is_hidden(name))
    return found


def _open_zip(path: Path, given: str, say: Say) -> ImageSource:
    try:
        archive = open_plain_zip(path)
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        reason = one_line(error, 150) if (kind := kind_of(path)).name in ("npz", "zip") else kind.words
        raise UserError(f"{given}: not a readable zip: {reason}") from error
    try:
        return _Files(Zip(path, archive), _image_entries(archive, given, say))
    except BaseException:
        archive.close()
        raise


def _image_entries(archive: zipfile.ZipFile, given: str, say: Say) -> list[str]:
    for name in archive.namelist():
        # Nothing is unpacked to the disk, so this could do no harm; but no program that packs images writes it.
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise UserError(f"{given}: the entry {printable(name)} leads out of the zip; pack it anew")
        if not name:
            raise UserError(f"{given}: has an entry without a name; pack it anew")
    found, arrays = sort_names((entry.filename for entry in archive.infolist() if not entry.is_dir()), given, say)
    if arrays:
        raise UserError(f"{given}: holds npz files; unpack it and give the folder")
    if not found:
        raise UserError(f"{given}: no images in it; must be {_TAKEN}")
    if len(set(found)) < len(found):
        raise UserError(f"{given}: holds several entries of the same name; pack it anew")
    return found


def _words(shape: tuple[int, int, int]) -> str:
    return f"{shape[2]}x{shape[1]} {'grey' if shape[0] == 1 else 'RGB'}"
