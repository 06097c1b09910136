"""Images as one array in an npz, `arr_0` (N, H, W, C) or (N, H, W), read forward without ever holding it.

The array of 50,000 images of 256x256 pixels has 9.8 GB: rows are decompressed as they are asked for, in order. No
part of such a file is ever unpickled.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.npy_header import read_npy_header
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.images.image_file import MAX_PIXELS

__all__ = ["ImageArray"]

_MEMBER = "arr_0.npy"
_MOST_CHANNELS = 4  # of one image: red, green, blue and alpha


class ImageArray:
    """The images of an npz.

    Args:
        path: the file.
        kinds: the types that its numbers may have.

    Attributes:
        shape: (C, H, W).
        dtype: the type of its numbers.
        path, label: the file, and what messages call it.

    Raises:
        UserError: it is no npz, has no `arr_0`, or `arr_0` is not such an array.
    """

    def __init__(self, path: Path, kinds: Sequence[str] = ("uint8",)) -> None:
        self.path = path
        self.label = printable(str(path))
        self._zip: zipfile.ZipFile | None = None
        self._stream: IO[bytes] | None = None
        self._start = 0  # of the pixels in the array's file
        try:
            self._read_header(kinds)
        finally:
            self.close()

    def __len__(self) -> int:
        return self._num

    def read(self, row: int, out: NDArray[Any]) -> None:
        """Reads the image ``row`` into ``out`` (H, W, C) of type ``dtype``; cheap where rows ascend from call to call.

        Raises:
            UserError: the file is damaged. The checksum is that of all rows, so a flipped bit is found when the last
                row has been read, after all others in order.
        """
        try:
            stream = self._stream or self._open()
            place = self._start + row * out.nbytes
            # A seek, even to where it is, makes newer Pythons give up the checksum of an uncompressed array.
            if stream.tell() != place:
                stream.seek(place)
            data = stream.read(out.nbytes)
            if len(data) != out.nbytes:
                raise EOFError(f"it ends in image {row}")
        except Exception as error:  # a damaged zip raises many things
            raise self._unreadable(error) from error
        out[:] = np.frombuffer(data, self.dtype).reshape(out.shape)

    def close(self) -> None:
        """Closes the file; the next ``read`` opens it again."""
        for file in (self._stream, self._zip):
            if file is not None:
                file.close()
        self._stream = self._zip = None

    def _open(self) -> IO[bytes]:
        self._zip = open_plain_zip(self.path)
        self._stream = self._zip.open(_MEMBER)
        self._stream.read(self._start)
        return self._stream

    def _read_header(self, kinds: Sequence[str]) -> None:
        try:
            stream = self._open()
            shape, fortran_order, dtype = read_npy_header(stream)
            self._start = stream.tell()
            assert self._zip is not None
            stored = self._zip.getinfo(_MEMBER).file_size - self._start
        except Exception as error:  # the parsers of zip and npy raise whatever they stumble over
            raise self._unreadable(error) from error
        known = dtype in [np.dtype(kind) for kind in kinds]
        if not known or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
            taken = f"{' or '.join(kinds)} (N, H, W), (N, H, W, 1) or (.., 3)"
            raise UserError(f"{self.label}: arr_0 is {dtype} {shape}; must be {taken}")
        if fortran_order:
            raise UserError(f"{self.label}: arr_0 is stored last axis first; save np.ascontiguousarray of it")
        if min(shape) < 0 or not 1 <= shape[1] * shape[2] <= MAX_PIXELS:
            raise UserError(f"{self.label}: arr_0 is {shape}; an image has 1 to {MAX_PIXELS} pixels")
        if len(shape) == 3 and shape[2] <= _MOST_CHANNELS:
            raise UserError(
                f"{self.label}: arr_0 is {shape}, one image (H, W, C) or grey ones that are {shape[2]} wide; "
                "images are given as (N, H, W, 3), and grey ones of this width as (N, H, W, 1)"
            )
        if stored != math.prod(shape) * dtype.itemsize:
            raise UserError(f"{self.label}: arr_0 says {shape}, but {stored} bytes of pixels are stored")
        self.dtype = dtype
        self._num = int(shape[0])
        self.shape = (int(shape[3]) if len(shape) == 4 else 1, int(shape[1]), int(shape[2]))

    def _unreadable(self, error: Exception) -> UserError:
        reason = one_line(error, 150) if (kind := kind_of(self.path)).name in ("npz", "zip") else kind.words
        return UserError(f"{self.label}: not a readable npz with images in arr_0: {reason}")
