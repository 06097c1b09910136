"""Headers of arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest

from bdia_edm.base.npy_header import NpyHeader, read_npy_header


@pytest.mark.parametrize("array", [np.zeros((2, 3), "<f4"), np.array("name"), np.asfortranarray(np.ones((4, 5)))])
def test_the_header_is_the_arrays(array: np.ndarray) -> None:
    file = io.BytesIO()
    np.save(file, array)
    file.seek(0)
    fortran = bool(array.flags.f_contiguous and not array.flags.c_contiguous)
    assert read_npy_header(file) == NpyHeader(array.shape, fortran, array.dtype)
    assert file.read() == array.tobytes("A")


def test_what_is_no_header() -> None:
    with pytest.raises(ValueError, match="magic"):
        read_npy_header(io.BytesIO(b"hello, this is no array"))
