"""The header of an array in an npz, read alone: what the array is, before any memory is taken for it."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

__all__ = ["NpyHeader", "read_npy_header"]

_LONGEST = 10_000
"""Bytes of a header: NumPy parses no longer one, but reads it first, 4 GB of it where it says so."""
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # how a header's length is written
_MOST_AXES = 64  # NumPy's own bound


class NpyHeader(NamedTuple):
    """Shape and type of an array, and whether its first axis runs fastest."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]


def read_npy_header(stream: IO[bytes]) -> NpyHeader:
    """Reads the header; the stream is then at the array's first byte.

    Raises:
        ValueError: there is none, or a longer one than NumPy parses, or one of no array that can be.
    """
    version = npy.read_magic(stream)
    if version not in _LENGTH_BYTES:
        raise ValueError(f"version {version} of the npy format; must be 1.0, 2.0 or 3.0")
    start = stream.read(_LENGTH_BYTES[version])
    length = int.from_bytes(start, "little")
    if length > _LONGEST:
        raise ValueError(f"an array's header says that it has {length} bytes; must be {_LONGEST} at most")
    header = _parsed(version, start + stream.read(length))
    if len(header.shape) > _MOST_AXES or not all(0 <= size < 2**63 for size in header.shape):
        raise ValueError("an array's header gives it a shape that no array has")
    return header


@lru_cache(maxsize=256)
def _parsed(version: tuple[int, int], text: bytes) -> NpyHeader:
    """Arrays of one kind have the same header in every file; parsing it takes longer than reading a short array."""
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return NpyHeader(*reader(io.BytesIO(text)))
