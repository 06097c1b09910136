"""Images as other programs leave them: made for the tests, good and bad."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = [
    "encrypt_entries",
    "image_of",
    "made_pixels",
    "png_bytes",
    "png_of",
    "write_folder",
    "write_npz",
    "write_zip",
]


def made_pixels(num: int, channels: int = 1, size: int = 8) -> np.ndarray:
    """Images (n, H, W, C), smooth enough to be told apart and different each."""
    return np.random.default_rng(7).integers(0, 256, (num, size, size, channels), dtype=np.uint8)


def image_of(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def png_of(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format="png", **options)
    return file.getvalue()


def write_folder(folder: Path, pixels: np.ndarray) -> Path:
    """One PNG an image, 10 to a folder, named so that the sorted paths have their order."""
    for index, image in enumerate(pixels):
        path = folder / f"{index // 10:03d}" / f"{index:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_of(image_of(image)))
    return folder


def write_zip(path: Path, pixels: np.ndarray) -> Path:
    """The same names, packed in reverse order."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, image in reversed(list(enumerate(pixels))):
            archive.writestr(f"{index // 10:03d}/{index:05d}.png", png_of(image_of(image)))
    return path


def write_npz(path: Path, pixels: np.ndarray, **more: np.ndarray) -> Path:
    np.savez_compressed(path, arr_0=pixels, arr_1=np.arange(len(pixels)), **more)
    return path


def png_bytes(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG by its parts, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encrypt_entries(path: Path) -> None:
    """Sets the flag that says "encrypted" in every entry's local and central header."""
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + offset] |= 1
            start = data.find(signature, start + 4)
    path.write_bytes(data)
