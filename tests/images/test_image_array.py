"""Images as one array in an npz."""

from __future__ import annotations

import os
import pickle
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.images.image_array import ImageArray
from tests.foreign_images import encrypt_entries, made_pixels, write_npz

PIXELS = made_pixels(40, 3)


def read(array: ImageArray, rows: Any) -> np.ndarray:
    channels, height, width = array.shape
    out = np.zeros((len(rows), height, width, channels), np.uint8)
    for row, image in zip(rows, out, strict=True):
        array.read(row, image)
    return out


def read_all(path: Path) -> None:
    with closing(ImageArray(path)) as array:
        read(array, range(len(array)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., :1], PIXELS[..., 0]])
def test_rows_in_any_order(save: Any, pixels: np.ndarray, tmp_path: Path) -> None:
    save(tmp_path / "a.npz", arr_0=pixels, mu=np.zeros(3))
    array = ImageArray(tmp_path / "a.npz")
    expected = pixels.reshape(40, 8, 8, -1)
    assert len(array) == 40
    for rows in (range(40), [3, 4, 39], [39, 0, 5, 5], []):
        assert np.array_equal(read(array, rows), expected[list(rows)])
    array.close()
    assert np.array_equal(read(array, [7]), expected[[7]])
    array.close()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_narrow_grey_images_say_their_channel(width: int, tmp_path: Path) -> None:
    pixels = PIXELS[:, :, :width, :1]
    np.savez(tmp_path / "a.npz", arr_0=pixels)
    assert np.array_equal(read(ImageArray(tmp_path / "a.npz"), range(40)), pixels)


def test_ascending_rows_are_decompressed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = ImageArray(write_npz(tmp_path / "a.npz", PIXELS))
    opened = []
    original = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *args: opened.append(1) or original(*args))
    for row in (0, 1, 2, 20, 39):
        read(array, [row])
    assert opened == [1]
    array.close()


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    attack = np.array([Attack(tmp_path / "ran")], dtype=object)
    np.savez(tmp_path / "objects.npz", arr_0=attack)
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Attack(tmp_path / "ran")))
    # Where the header lies about what follows.
    with zipfile.ZipFile(tmp_path / "member.npz", "w") as archive:
        archive.writestr("arr_0.npy", pickle.dumps(Attack(tmp_path / "ran")))
    for name in ("objects", "plain", "member"):
        with pytest.raises(UserError):
            ImageArray(tmp_path / f"{name}.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (PIXELS.astype(np.float32), r"arr_0 is float32 \(40, 8, 8, 3\); must be uint8"),
        (PIXELS.astype(np.int8), "arr_0 is int8"),
        (np.zeros((4, 8, 8, 4), np.uint8), r"\(4, 8, 8, 4\); must be"),
        (np.zeros((4, 8), np.uint8), "must be"),
        (np.zeros((4, 0, 8, 3), np.uint8), "an image has 1 to"),
        (np.asfortranarray(PIXELS), "last axis first"),
        (np.array([None]), "arr_0 is object"),
        (np.zeros((3, 8, 8), [("a", "u1")]), "must be uint8"),
        # One image, as Pillow gives it, and a set that looks like one.
        (PIXELS[0], r"arr_0 is \(8, 8, 3\), one image \(H, W, C\) or grey ones that are 3 wide; .* \(N, H, W, 1\)$"),
        (PIXELS[0, ..., :1], "one image"),
        (np.zeros((32, 24, 2), np.uint8), "one image"),
        (np.zeros((32, 24, 4), np.uint8), "one image"),
        (np.zeros((100, 3, 3), np.uint8), "grey ones that are 3 wide"),
    ],
)
def test_what_is_refused(array: np.ndarray, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", arr_0=array)
    with pytest.raises(UserError, match=message) as error:
        ImageArray(tmp_path / "a.npz")
    assert str(error.value).startswith(f"{tmp_path / 'a.npz'}: ")
    assert "\n" not in str(error.value)


def with_header(path: Path, header: bytes, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data)
    return path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999, 8, 8)}\n", "16 bytes of pixels are stored"),
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 99999, 99999)}\n", "an image has 1 to"),
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 4, 4)}\n", "a shape that no array has"),
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, -4, -4)}\n", "a shape that no array has"),
        (b"((((((((" * 100, "not a readable npz"),
        (b"__import__('os').abort()", "not a readable npz"),
        (b"", "not a readable npz"),
        (b"\xff\xfe{", "not a readable npz"),
    ],
)
def test_headers_that_lie(header: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        ImageArray(with_header(tmp_path / "a.npz", header, bytes(16)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["arr_0.npy", "labels.npy"])
def test_bombs_are_not_unpacked(method: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_npz(tmp_path / "a.npz", PIXELS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"x_{name}", bytes(10**6), method)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(UserError, match=r"a\.npz: .*: x_.*\.npy is packed by (bzip2|LZMA); must be stored or deflated"):
        ImageArray(path)


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for damage in ("missing member", "not a zip", "cut", "encrypted", "flipped"):
        np.savez(path, arr_0=PIXELS)
        data = bytearray(path.read_bytes())
        if damage == "missing member":
            np.savez(path, images=PIXELS)
        elif damage == "not a zip":
            path.write_bytes(b"hello")
        elif damage == "cut":
            path.write_bytes(data[: len(data) // 2])
        elif damage == "encrypted":
            encrypt_entries(path)
        else:
            data[1000] ^= 1
            path.write_bytes(data)
        with pytest.raises(UserError, match=r"not a readable npz with images in arr_0: .") as error:
            read_all(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_one_flipped_bit_is_found_when_all_rows_are_read(save: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save(path, arr_0=PIXELS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="not a readable npz"):
        read_all(path)
