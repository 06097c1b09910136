"""Images as floats in an npz, before they are made 8-bit, and the two ways of making them so.

With v the value on the scale of 0 to 255, rounding takes floor(v + 1/2) and truncating floor(v). EDM's generate.py
rounds (x·127.5 + 128 of x from -1 to 1), torchvision's save_image too; guided-diffusion's image_sample.py truncates
((x + 1)·127.5), so its images are half a step darker.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.npy_header import read_npy_header
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.images.image_array import ImageArray

__all__ = ["RANGES", "FloatImages", "holds_floats", "rounded", "truncated"]

RANGES = {"-1..1": (127.5, 127.5), "0..1": (255.0, 0.0)}
"""What black and white are in floats: the factor and the summand that lead to 0..255."""
_FLOATS = ("float16", "float32", "float64")
# A sampler oversteps its range a little; pixels of 0..255 do so at once.
_FARTHEST = 10


def holds_floats(path: Path) -> bool:
    """Whether the file is an npz whose `arr_0` holds floats; False for all that cannot be read as such."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with open_plain_zip(path) as file, file.open("arr_0.npy") as stream:
            return read_npy_header(stream).dtype.kind == "f"
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile, UserError):
        return False


class FloatImages:
    """The images of such an npz, (N, H, W, C) or (N, H, W).

    Attributes:
        shape: (C, H, W).

    Raises:
        UserError: it is no such npz, or holds none.
    """

    def __init__(self, path: Path) -> None:
        self._array = ImageArray(path, _FLOATS)
        self.shape = self._array.shape
        if not len(self):
            raise UserError(f"{self._array.label}: holds no images, arr_0 is empty")

    def __len__(self) -> int:
        return len(self._array)

    def read(self, indices: Sequence[int]) -> NDArray[np.floating[Any]]:
        """The images (n, H, W, C), float32 or float64; ascending indices are fast.

        Raises:
            UserError: the file is damaged, or an image is not finite or far from any range that is known here.
        """
        channels, height, width = self.shape
        pixels = np.empty((len(indices), height, width, channels), self._array.dtype)
        for image, index in zip(pixels, indices, strict=True):
            self._array.read(index, image)
            farthest = float(np.abs(image).max())
            if not farthest <= _FARTHEST:
                found = f"{self._array.label}: image {index} holds {printable(str(farthest))}"
                raise UserError(f"{found}; floats must be about from -1 to 1 or from 0 to 1")
        return pixels.astype(np.float32) if pixels.dtype == np.float16 else pixels

    def close(self) -> None:
        """Closes the file."""
        self._array.close()


def rounded(images: NDArray[np.floating[Any]], factor: float, summand: float) -> NDArray[np.uint8]:
    """Floats to the nearest of 0..255, a half upwards: of -1..1 EDM's (x·127.5 + 128), cut off."""
    return (images * factor + (summand + 0.5)).clip(0, 255).astype(np.uint8)


def truncated(images: NDArray[np.floating[Any]], factor: float, summand: float) -> NDArray[np.uint8]:
    """Floats to 0..255 with what is behind the point cut off."""
    return (images * factor + summand).clip(0, 255).astype(np.uint8)
