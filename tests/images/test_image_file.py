"""One image file: its pixels, or a refusal in one line."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.images import image_file
from bdia_edm.images.image_file import image_shape, read_image
from tests.foreign_images import image_of, made_pixels, png_bytes, png_of

GREY = made_pixels(1, 1)[0]
RGB = made_pixels(1, 3)[0]
BITS = [b"P4", b"8", b"8"]


def read(data: bytes) -> np.ndarray:
    pixels = read_image(io.BytesIO(data), "x")
    channels, height, width = image_shape(io.BytesIO(data), "x")
    assert pixels.shape == (height, width, channels)
    return pixels


@pytest.mark.parametrize("pixels", [GREY, RGB])
@pytest.mark.parametrize("options", [{"format": "png"}, {"format": "bmp"}, {"format": "webp", "lossless": True}])
def test_lossless_formats_give_the_pixels(pixels: np.ndarray, options: dict[str, Any]) -> None:
    file = io.BytesIO()
    image_of(pixels).save(file, **options)
    # WebP knows no grey.
    expected = np.repeat(pixels, 3, 2) if options["format"] == "webp" and pixels.shape[2] == 1 else pixels
    assert np.array_equal(read(file.getvalue()), expected)


@pytest.mark.parametrize("gap", [b" ", b"\n# a comment\n", b"\r\n\t# one\r #two\n "])
def test_netpbm(gap: bytes) -> None:
    grey, colour, bits = (gap.join(words) for words in ([b"P5", b"8", b"8", b"255"], [b"P6", b"8", b"8", b"255"], BITS))
    assert np.array_equal(read(grey + b"\n" + GREY.tobytes()), GREY)
    assert np.array_equal(read(colour + b"\n" + RGB.tobytes()), RGB)
    # In a bit map, 1 is black.
    expected = np.where(GREY < 128, 0, 255)
    assert np.array_equal(read(bits + b"\n" + np.packbits(GREY < 128).tobytes()), expected)


def test_jpeg() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(file, format="jpeg", quality=95)
    assert np.abs(read(file.getvalue()).astype(int) - (200, 100, 50)).max() <= 2


def test_what_says_the_same_in_another_way() -> None:
    image = image_of(RGB)
    assert np.array_equal(read(png_of(image.convert("RGBA"))), RGB)
    few = image.quantize(16)
    assert np.array_equal(read(png_of(few)), np.asarray(few.convert("RGB")))
    # Every entry of the palette is opaque, and the file says so for each.
    assert np.array_equal(read(png_of(few, transparency=bytes([255] * 16))), np.asarray(few.convert("RGB")))
    grey = image_of(GREY)
    assert np.array_equal(read(png_of(grey.convert("LA"))), GREY)
    black_and_white = grey.point(lambda value: 255 * (value > 99))
    assert np.array_equal(read(png_of(black_and_white.convert("1")))[..., 0], np.asarray(black_and_white))
    # A transparent colour that no pixel has.
    flat = Image.new("L", (4, 4), 7)
    assert np.array_equal(read(png_of(flat, transparency=8)), np.full((4, 4, 1), 7))


def almost_opaque(mode: str) -> bytes:
    image = Image.new(mode, (4, 4), (9, 255) if mode == "LA" else (9, 9, 9, 255))
    image.putpixel((3, 3), (9, 254) if mode == "LA" else (9, 9, 9, 254))
    return png_of(image)


def animated() -> bytes:
    file = io.BytesIO()
    image_of(RGB).save(file, format="webp", save_all=True, append_images=[image_of(255 - RGB)], lossless=True)
    return file.getvalue()


def cmyk() -> bytes:
    file = io.BytesIO()
    image_of(RGB).convert("CMYK").save(file, format="jpeg")
    return file.getvalue()


COMPLETE = png_of(image_of(RGB))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a readable image"),
        (b"GIF89a" + bytes(100), r"not a readable image \(PNG, JPEG, WEBP, BMP, PPM\)"),
        (COMPLETE[: len(COMPLETE) // 2], "damaged"),
        (COMPLETE[:20], "not a readable image"),
        (COMPLETE[:60] + bytes([COMPLETE[60] ^ 1]) + COMPLETE[61:], "damaged"),
        (almost_opaque("RGBA"), "transparent pixels"),
        (almost_opaque("LA"), "transparent pixels"),
        (png_of(Image.new("L", (4, 4), 7), transparency=7), "transparent pixels"),
        (png_of(image_of(RGB).quantize(16), transparency=bytes(16)), "transparent pixels"),
        (png_bytes(2, 2, 16, 2, (b"\0" + bytes(12)) * 2), "16 bits per channel"),
        (png_bytes(2, 2, 16, 0, (b"\0" + bytes(4)) * 2), "16 bits per channel"),
        (png_bytes(2, 2, 16, 6, (b"\0" + bytes(16)) * 2), "16 bits per channel"),
        (cmyk(), "its pixels are CMYK"),
        (animated(), "holds 2 pictures"),
        # Pillow scales them to 255, reads them as text, or reads the comment byte by byte.
        (b"P6 2 2 65535\n" + bytes(24), "netpbm must be binary and of 8 bits"),
        (b"P5 2 2 100\n" + bytes(4), "netpbm must be"),
        (b"P5 2 2 65535\n" + bytes(8), "netpbm must be"),
        (b"P2 2 2 255\n1 2 3 4\n", "netpbm must be"),
        (b"P5 #" + bytes(2000) + b"\n2 2 255\n" + bytes(4), "netpbm must be"),
        (b"Pf 2 2 -1.0\n" + bytes(16), "netpbm must be"),
        (b"P6 2 2 255\n" + bytes(11), "damaged"),
        (b"P6 100000 100000 255\n", "too large"),
        # Bombs: below Pillow's own limit, above where it warns, above where it refuses.
        (png_bytes(5000, 5000, 8, 0, b""), r"too large \(5000x5000\)"),
        (png_bytes(10_000, 10_000, 8, 0, b""), "too large"),
        (png_bytes(100_000, 100_000, 8, 0, b""), "too large"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        read_image(io.BytesIO(data), "a/b.png")
    assert str(error.value).startswith("a/b.png: ")
    assert "\n" not in str(error.value)
    assert "object at" not in str(error.value)


@pytest.mark.parametrize("size", [5000, 10_000, 100_000])
def test_bombs_are_refused_by_their_header_in_one_line(size: int, recwarn: pytest.WarningsRecorder) -> None:
    with pytest.raises(UserError, match="too large"):
        image_shape(io.BytesIO(png_bytes(size, size, 8, 0, b"")), "x")
    assert not recwarn.list


def test_damage_never_ends_in_another_error() -> None:
    rng = np.random.default_rng(0)
    files = [
        b"P6 8 8 255\n" + RGB.tobytes(),
        COMPLETE,
        png_of(image_of(RGB).quantize(16)),
        cmyk(),
        animated(),
        almost_opaque("LA"),
    ]
    for data in files:
        for _ in range(200):
            damaged = bytearray(data[: rng.integers(1, len(data) + 1)])
            for place in rng.integers(0, len(damaged), rng.integers(1, 4)):
                damaged[place] = rng.integers(256)
            with suppress(UserError):
                pixels = read_image(io.BytesIO(bytes(damaged)), "x")
                assert pixels.dtype == np.uint8
                assert pixels.shape[2] in (1, 3)


def test_a_file_that_cannot_be_read() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    for reader in (read_image, image_shape):
        with pytest.raises(UserError, match=r"x: .*Input/output error"):
            reader(Broken(), "x")


def test_no_more_than_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_file, "MAX_BYTES", 50)
    with pytest.raises(UserError, match="damaged"):
        read_image(io.BytesIO(COMPLETE), "x")


def test_names_stay_on_one_line() -> None:
    assert printable("a b/ü.png") == "a b/ü.png"
    assert printable("a\nb") == r"'a\nb'"
