"""The header of an array in an npz, read alone: what the array is, before any memory is taken for it."""

from __future__ import annotations

from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

__all__ = ["NpyHeader", "read_npy_header"]


class NpyHeader(NamedTuple):
    """Shape and type of an array, and whether its first axis runs fastest."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Reads the header; the stream is then at the array's first byte.

    Raises:
        ValueError: there is none.
    """
    version = npy.read_magic(stream)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return NpyHeader(*reader(stream))
