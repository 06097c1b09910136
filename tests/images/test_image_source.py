"""Folders, zips and npz files of images as one sequence."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.engine.plan import cut_into_blocks
from bdia_edm.images.image_folder import ImageFolder
from bdia_edm.images.image_source import open_images
from tests.base.test_file_kind import KINDS
from tests.foreign_images import (
    encrypt_entries,
    image_of,
    made_pixels,
    png_bytes,
    png_of,
    write_folder,
    write_npz,
    write_zip,
)

PIXELS = made_pixels(25, 3)


def read_all(path: Path) -> np.ndarray:
    with closing(open_images(path)) as source:
        indices = range(len(source))
        source.check(indices)
        channels, height, width = source.shape
        pixels = source.read(indices)
        assert pixels.shape == (len(source), height, width, channels)
        return pixels


@pytest.mark.parametrize("channels", [1, 3])
def test_folder_zip_and_npz_are_the_same(channels: int, tmp_path: Path) -> None:
    pixels = PIXELS[..., :channels]
    for path in (
        write_folder(tmp_path / "a", pixels),
        write_zip(tmp_path / "a.zip", pixels),
        write_npz(tmp_path / "a.npz", pixels),
    ):
        assert np.array_equal(read_all(path), pixels)
        with closing(open_images(path)) as source:
            for indices in ([3, 4, 24], [24, 0, 0, 11], []):
                assert np.array_equal(source.read(indices), pixels[indices])


@pytest.mark.parametrize("kind", ["npz", "png"])
def test_what_sample_saves(kind: str, tmp_path: Path) -> None:
    folder = ImageFolder(tmp_path, kind)
    for block in cut_into_blocks(range(990, 1015), 10):
        pixels = PIXELS[block.start : block.start + len(block.seeds)]
        folder.write(block.index, block.seeds, pixels, np.zeros(len(block.seeds), np.int64))
    assert np.array_equal(read_all(tmp_path), PIXELS)
    with closing(open_images(tmp_path)) as source:
        # Across blocks, forward and back.
        for indices in ([8, 9, 10, 24], [20, 3, 10]):
            assert np.array_equal(source.read(indices), PIXELS[indices])


def test_empty_blocks_are_passed_over(tmp_path: Path) -> None:
    parts = [PIXELS[:0], PIXELS[:3], PIXELS[3:3], PIXELS[3:3], PIXELS[3:], PIXELS[:0]]
    for index, part in enumerate(parts):
        write_npz(tmp_path / f"{index}.npz", part)
    assert np.array_equal(read_all(tmp_path), PIXELS)


def test_names_and_nesting_say_the_order_and_nothing_else(tmp_path: Path) -> None:
    # The order in which the files are made, and the depth they lie at, are not the order of the names.
    names = ["a/1.png", "a/b/c/d.PNG", "a/b.Bmp", "a-b.png", "z.png"]
    for name, image in reversed(list(zip(names, PIXELS, strict=False))):
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        image_of(image).save(tmp_path / "x" / name)
    shutil.make_archive(str(tmp_path / "x"), "zip", tmp_path / "x")
    for path in (tmp_path / "x", tmp_path / "x.zip"):
        assert np.array_equal(read_all(path), PIXELS[:5])


def test_what_is_skipped_is_said_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", PIXELS)
    others = ("dataset.json", "000/notes.txt", ".hidden.png", ".cache/x.png", "__MACOSX/000/._00000.png", "00.npz.txt")
    others += (".cache/y.tif", "001/Thumbs.db", "README", "000/.DS_Store")
    for name in others:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    assert len(zipfile.ZipFile(tmp_path / "a.zip").namelist()) > len(PIXELS) + len(others)
    for path in (folder, tmp_path / "a.zip"):
        said: list[str] = []
        with closing(open_images(path, "--images", said.append)) as source:
            assert np.array_equal(source.read(range(len(source))), PIXELS)
        assert said == [
            f"--images={path}: no images, skipped: .cache, .hidden.png, 00.npz.txt, 000/.DS_Store and 5 more"
        ]
    said = []
    for plain in (write_folder(tmp_path / "b", PIXELS), write_zip(tmp_path / "b.zip", PIXELS)):
        open_images(plain, "--images", said.append).close()
    assert said == []


@pytest.mark.parametrize("name", ["000/a.tif", "a.gif", "x.npy", "000/image", "a.png.bak", "a\nb.avif"])
def test_a_file_of_another_kind_is_refused_by_name(name: str, tmp_path: Path) -> None:
    """It could be an image: a set without it would be another set."""
    folder = write_folder(tmp_path / "a", PIXELS)
    image_of(PIXELS[0]).save(folder / name, format="tiff")
    shutil.make_archive(str(tmp_path / "a"), "zip", folder)
    blocks = tmp_path / "blocks"
    (blocks / "000").mkdir(parents=True)
    write_npz(blocks / "0.npz", PIXELS)
    (blocks / name).write_bytes(b"")
    for path in (folder, tmp_path / "a.zip", blocks):
        message = refused(path, r": not read here; convert it to one of \.png, .* or take it out$")
        assert message.startswith(f"--images={path}: {printable(name)}: ")


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", PIXELS[:10])
    elsewhere = write_folder(tmp_path / "elsewhere", PIXELS[10:20])
    (folder / "001").symlink_to(elsewhere / "000")
    (folder / "001" / "up").symlink_to(folder)
    (folder / "loop").symlink_to(folder)
    (folder / "again").symlink_to(folder / "000")
    with closing(open_images(folder)) as source:
        assert len(source) == 20
        assert {image.tobytes() for image in source.read(range(20))} == {image.tobytes() for image in PIXELS[:20]}


def refused(path: Path, message: str) -> str:
    with pytest.raises(UserError, match=message) as error:
        read_all(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_nothing_to_read(tmp_path: Path) -> None:
    assert refused(tmp_path, "no images in it or below; must be a folder").startswith(f"--images={tmp_path}: ")
    refused(tmp_path / "none", "no such folder or file")
    refused(tmp_path / "none.npz", "no such folder or file")
    (tmp_path / "a.txt").write_text("hello")
    refused(tmp_path / "a.txt", "must be a folder of images")
    (tmp_path / "a.zip").write_bytes(b"hello")
    refused(tmp_path / "a.zip", "not a readable zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    refused(tmp_path / "a.zip", "no images in it; must be")
    write_npz(tmp_path / "a.npz", PIXELS[:0])
    refused(tmp_path / "a.npz", "arr_0 is empty")


def test_mixtures(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", PIXELS)
    grey = folder / "001" / "00011.png"
    grey.write_bytes(png_of(image_of(PIXELS[0, ..., :1])))
    message = refused(folder, r"is 8x8 grey, and .*00000\.png is 8x8 RGB; all images must be of one size and kind")
    assert message.startswith(f"{grey}: ")
    grey.write_bytes(png_of(image_of(PIXELS[0, :4])))
    refused(folder, "is 8x4 RGB, and")
    # Without the check beforehand, reading finds it too.
    with closing(open_images(folder)) as source, pytest.raises(UserError, match="is 8x4 RGB, and"):
        source.read(range(25))
    write_npz(folder / "block.npz", PIXELS)
    refused(folder, r"holds images \(.*png\) and npz files \(block\.npz\)")
    blocks = tmp_path / "blocks"
    blocks.mkdir()
    write_npz(blocks / "0.npz", PIXELS)
    write_npz(blocks / "1.npz", PIXELS[..., :1])
    refused(blocks, r"1\.npz: is 8x8 grey, and .*0\.npz is 8x8 RGB")


def test_what_is_no_file(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", PIXELS)
    (folder / "x.png").symlink_to(tmp_path / "gone.png")
    refused(folder, r"x\.png: is no file")
    (folder / "x.png").unlink()
    os.mkfifo(folder / "y.png")  # to open it would wait for ever
    refused(folder, r"y\.png: is no file")


def test_damaged_and_oversized_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", PIXELS)
    victim = folder / "002" / "00020.png"
    victim.write_bytes(victim.read_bytes()[:-100])
    assert refused(folder, "damaged").startswith(f"{victim}: ")
    victim.write_bytes(png_bytes(100_000, 100_000, 8, 2, b""))
    refused(folder, "too large")
    with victim.open("wb") as file:
        file.truncate(2**40)  # sparse
    refused(folder, r"00020\.png: has 1099511627776 bytes; must have \d+ at most")
    (folder / "0\nb.png").write_bytes(b"")
    refused(folder, r"0\\nb\.png': not a readable image")


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("__up__", "../").replace("_png", ".png").replace("_npz", ".npz"), data)
    return path


def test_hostile_zips(tmp_path: Path) -> None:
    image = png_of(image_of(PIXELS[0]))
    path = tmp_path / "a.zip"
    refused(zipped(path, a_png=image, __up__x_png=image), r"the entry \.\./x\.png leads out of the zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("/etc/x.png", image)
    refused(path, "leads out of the zip")
    refused(zipped(path, a_png=image, b_npz=b""), "holds npz files; unpack it")
    encrypt_entries(zipped(path, a_png=image))
    refused(path, r"a\.png: cannot be read: .*encrypted")
    # A bomb: 200 MB of zeros behind an image's name, in 200 kB.
    refused(zipped(path, a_png=image, b_png=bytes(200 * 2**20)), r"b\.png: has 209715200 bytes; must have \d+ at most")
    path.write_bytes(zipped(path, a_png=image, b_png=image).read_bytes().replace(b"b.png", b"a.png"))
    refused(path, "several entries of the same name")
    data = bytearray(zipped(path, a_png=image).read_bytes())
    # The entry's uncompressed size, made small: no more than it says comes out, and that is no image.
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = (60).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, r"a\.png: ")
    # A way of packing that there is not.
    data = bytearray(zipped(path, a_png=image).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 77
    path.write_bytes(data)
    refused(path, r"a\.png is packed by method 77; must be stored or deflated")
    # What is read, and what is not.
    for name in ("b.png", "notes.txt"):
        zipped(path, a_png=image)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, bytes(10**6), zipfile.ZIP_BZIP2)
        refused(path, rf"{name} is packed by bzip2; must be")


def test_a_damaged_zip_never_ends_in_another_error(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "a.zip", PIXELS[:3]).read_bytes()
    rng = np.random.default_rng(0)
    refusals = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 2):
            damaged[place] = rng.integers(256)
        (tmp_path / "b.zip").write_bytes(damaged)
        try:
            read_all(tmp_path / "b.zip")
        except UserError:
            refusals += 1
    assert refusals > 200


@pytest.mark.parametrize("what", ["lfs", "html", "empty", "gzip"])
def test_a_file_of_another_kind_is_told_by_its_content(what: str, tmp_path: Path) -> None:
    make, _, words = KINDS[what]
    for name in ("a.npz", "a.zip"):
        make(tmp_path / name)
        with pytest.raises(UserError, match=rf"{name}: .*{re.escape(words)}"):
            open_images(tmp_path / name)
    if what != "gzip":
        (tmp_path / "images").mkdir()
        make(tmp_path / "images" / "a.png")
        with pytest.raises(UserError, match=rf"a\.png: not a readable image .*{re.escape(words)}"):
            open_images(tmp_path / "images")


def test_of_several_bad_images_the_first_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads decode; the last share's is bad at once, and the first share's last."""
    monkeypatch.setattr("bdia_edm.images.image_source._READERS", 4)
    for index in range(16):
        Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(tmp_path / f"{index:02d}.png")
    source = open_images(tmp_path)
    assert source.read(range(16))[:, 0, 0, 0].tolist() == [*range(16)]
    assert source.read([3]).shape == (1, 8, 8, 3)
    assert source.read([]).shape == (0, 8, 8, 3)
    for index in (3, 12, 5):
        whole = (tmp_path / f"{index:02d}.png").read_bytes()
        (tmp_path / f"{index:02d}.png").write_bytes(whole[:-30])
    with pytest.raises(UserError, match=r"/03\.png: the image is damaged"):
        source.read(range(16))
    source.close()
