"""The classes that are kept with images: of arrays, of EDM's list, in the images' order, or refused in one line."""

from __future__ import annotations

import io
import json
import re
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.images.image_folder import ImageFolder
from bdia_edm.images.image_source import open_images
from bdia_edm.images.labels import LIST, read_array_labels, read_listed_labels
from tests.foreign_images import made_pixels, write_folder, write_npz, write_zip

PIXELS = made_pixels(25)
LABELS = np.random.default_rng(3).integers(0, 1000, 25)
NAMES = [f"{index // 10:03d}/{index:05d}.png" for index in range(25)]


def labels_of(path: Path) -> np.ndarray | None:
    with closing(open_images(path, say=lambda line: None)) as source:
        return source.read_labels()


def listing(pairs: Any) -> str:
    return json.dumps({"labels": pairs})


def pairs() -> list[list[Any]]:
    """In another order than the images', with one of no image."""
    return [["elsewhere.png", 0], *([name, int(k)] for name, k in reversed(list(zip(NAMES, LABELS, strict=True))))]


def with_list(tmp_path: Path, text: str) -> list[Path]:
    """A folder and a zip of the images, with the list."""
    folder, archive = write_folder(tmp_path / "a", PIXELS), write_zip(tmp_path / "a.zip", PIXELS)
    (folder / LIST).write_text(text)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(LIST, text)
    return [folder, archive]


def test_a_list_gives_every_image_its_label(tmp_path: Path) -> None:
    for path in with_list(tmp_path, listing(pairs())):
        found = labels_of(path)
        assert found is not None
        assert found.dtype == np.int64
        assert np.array_equal(found, LABELS)


def test_without_labels(tmp_path: Path) -> None:
    for path in (*with_list(tmp_path, listing(None)), write_npz(tmp_path / "a.npz", PIXELS)):
        assert labels_of(path) is None
    (tmp_path / "a" / LIST).unlink()
    # Below the top it is none of this folder's.
    (tmp_path / "a" / "001" / LIST).write_text(listing([]))
    assert labels_of(tmp_path / "a") is None
    assert labels_of(write_zip(tmp_path / "b.zip", PIXELS)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as JSON"),
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"labels": [["000/00000.png", ' + "9" * 5000 + "]]}", "cannot be read as JSON"),
        ("null", "holds no list of labels; must be {"),
        ("[]", "holds no list of labels"),
        ("{}", "holds no list of labels"),
        (listing({"000/00000.png": 1}), "holds no list of labels"),
        (listing([["000/00000.png"]]), "holds no list of labels"),
        (listing([[0, 1]]), "holds no list of labels"),
        (listing([[["000/00000.png"], 1]]), "holds no list of labels"),
        (listing(pairs()[:-1]), r"has no label of 000/00000\.png; must have one of every image"),
        *(
            (listing([*pairs()[:-1], [NAMES[0], wrong]]), r"the label of 000/00000\.png is ")
            for wrong in (-1, 10**9 + 1, 10**30, 1.0, True, None, "3", [0.1, 0.9])
        ),
    ],
)
def test_lists_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    for path in with_list(tmp_path, text):
        # Only whoever asks for labels is told.
        with closing(open_images(path, say=lambda line: None)) as source:
            assert len(source.read([0, 24])) == 2
        with pytest.raises(UserError, match=message) as error:
            labels_of(path)
        label = f"{path}: {LIST}" if path.suffix else str(path / LIST)
        assert str(error.value).startswith(f"{label}: ")
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 500


def test_a_list_without_end(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", PIXELS)
    with (folder / LIST).open("wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(UserError, match=r"dataset\.json: has 1099511627776 bytes; must have \d+ at most"):
        labels_of(folder)


def test_lines_of_others_are_quoted() -> None:
    with pytest.raises(UserError, match=re.escape(r"'a\nb.png'")):
        read_listed_labels(io.BytesIO(b'{"labels": []}'), ["a\nb.png"], "x")


def test_what_sample_saves(tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path / "images", "npz")
    for start in (20, 10, 0):
        stop = min(start + 10, 25)
        folder.write(start // 10, range(start, stop), PIXELS[start:stop], LABELS[start:stop])
    assert np.array_equal(labels_of(tmp_path / "images"), LABELS)
    # A network without classes has -1 there.
    for index in range(3):
        folder.write(index, range(10), PIXELS[:10], np.full(10, -1))
    assert labels_of(tmp_path / "images") is None
    # Empty blocks say nothing.
    write_npz(tmp_path / "images" / "00003.npz", PIXELS[:0])
    folder.write(0, range(10), PIXELS[:10], LABELS[:10])
    with pytest.raises(UserError, match=r"^--images=.*: some of its npz files have labels, and others none"):
        labels_of(tmp_path / "images")


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", ">i8", "u8"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whole_numbers_of_any_size(dtype: str, save: Any, tmp_path: Path) -> None:
    save(tmp_path / "a.npz", arr_0=PIXELS, labels=(LABELS % 200).astype(dtype))
    found = labels_of(tmp_path / "a.npz")
    assert found is not None
    assert found.dtype == np.int64
    assert np.array_equal(found, LABELS % 200)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS[:24], r"labels is int64 \(24,\); must be whole numbers \(25,\), a class of each image"),
        (LABELS[:, None], r"labels is int64 \(25, 1\)"),
        (LABELS / 2, r"labels is float64 \(25,\)"),
        (np.eye(10)[LABELS % 10], r"labels is float64 \(25, 10\)"),
        (LABELS > 3, r"labels is bool"),
        (LABELS.astype(object), r"labels is object"),
        (np.array(["a"] * 25), r"labels is <U1"),
        (
            np.where(np.arange(25) == 7, -1, LABELS),
            "the label of image 7 is -1; must be a class, a whole number from 0",
        ),
        (np.full(25, 2**64 - 1, np.uint64), "the label of image 0 is 18446744073709551615; must be a class"),
    ],
)
def test_arrays_that_are_refused(labels: np.ndarray, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, arr_0=PIXELS, labels=labels)
    with pytest.raises(UserError, match=message) as error:
        labels_of(path)
    assert str(error.value).startswith(f"{path}: ")


def test_damaged_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.npy", b"no array")
    with pytest.raises(UserError, match=r"^x: its labels cannot be read: "):
        read_array_labels(path, 25, "x")
    # One that says more than there is, one that holds more than it says, and one with a flipped bit.
    header = io.BytesIO()
    np.save(header, LABELS)
    for change in (-8, 8):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("labels.npy", header.getvalue()[:change] if change < 0 else header.getvalue() + bytes(8))
        with pytest.raises(UserError, match=r"^x: labels says \(25,\), but \d+ bytes of it are stored"):
            read_array_labels(path, 25, "x")
    np.savez(path, labels=LABELS)
    data = bytearray(path.read_bytes())
    data[data.index(LABELS.tobytes()) + 8] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"^x: its labels cannot be read: Bad CRC"):
        read_array_labels(path, 25, "x")
