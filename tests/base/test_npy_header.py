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


class Greedy(io.BytesIO):
    """Allows only small pieces to be asked for."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= 10_000
        return super().read(size)


@pytest.mark.parametrize("version", [2, 3])
def test_longer_headers_of_later_versions(version: int) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}".ljust(9000) + b"\n"
    start = b"\x93NUMPY" + bytes([version, 0])
    file = Greedy(start + len(header).to_bytes(4, "little") + header + b"rest")
    assert read_npy_header(file) == NpyHeader((2, 3), False, np.dtype(np.uint8))
    assert file.read(4) == b"rest"
    for length in (10_001, 2_000_000_000, 2**32 - 1):
        # What says that it is long is not read.
        with pytest.raises(ValueError, match=f"says that it has {length} bytes; must be 10000 at most"):
            read_npy_header(Greedy(start + length.to_bytes(4, "little") + header))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x93NUMPY\x04\x00" + bytes(100), r"version \(4, 0\) of the npy format; must be"),
        (b"\x93NUMPY\x01\x00" + (60_000).to_bytes(2, "little"), "60000 bytes"),
        (b"\x93NUMPY\x02\x00\x10", "EOF"),
        (b"\x93NUMPY\x02\x00" + (100).to_bytes(4, "little") + b"{", "EOF"),
    ],
)
def test_headers_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_npy_header(Greedy(data))


def test_what_is_no_header() -> None:
    with pytest.raises(ValueError, match="magic"):
        read_npy_header(io.BytesIO(b"hello, this is no array"))


@pytest.mark.parametrize("shape", ["(9" + 4000 * "9" + ",)", "(2, -1)", "(" + 65 * "1," + ")"])
def test_shapes_that_no_array_has(shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    with pytest.raises(ValueError, match="a shape that no array has"):
        read_npy_header(io.BytesIO(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header))
