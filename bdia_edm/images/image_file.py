"""One image file that another program made: 8-bit pixels, grey or RGB, or a refusal in one line.

Nothing is guessed: 16-bit pixels, transparency and other colour spaces would need a choice that changes the distance,
so they are refused. Pixels are taken as they are stored; an orientation noted beside them (EXIF) is not applied.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of_start
from bdia_edm.base.lines import one_line

__all__ = ["EXTENSIONS", "MAX_BYTES", "MAX_PIXELS", "image_shape", "read_image"]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pbm", ".pgm", ".ppm", ".pnm")
MAX_PIXELS = 2**24
"""Of one image: far above what samplers make, far below what fills the memory."""
MAX_BYTES = 4 * MAX_PIXELS + 2**20
"""Of one file: four uncompressed channels of the largest image, and notes."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM")
_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH = 24  # where a PNG says its bits per channel
_START = 1000
_PIECE = 1 << 16
# Pillow takes a PNG that says wrongly to be animated as a picture, as we do. It may say so at any chunk of the file.
warnings.filterwarnings("ignore", "Invalid APNG", UserWarning)
# Pillow would scale other maxima than 255 without a word, read numbers as text for a minute, and a comment without end.
_GAP = rb"\s(?:\s|#[^\r\n]*[\r\n])*"
_NETPBM = re.compile(rb"P(?:4%b\d+%b\d+|[56]%b\d+%b\d+%b255)\s" % ((_GAP,) * 5))


def image_shape(file: IO[bytes], name: object) -> tuple[int, int, int]:
    """The shape (C, H, W) by the file's header alone; C is 1 or 3.

    Args:
        file: open and seekable.
        name: what the messages call it, by its text.

    Raises:
        UserError: it is no image, or one that is refused whatever its pixels are.
    """
    # Pillow warns of large images where this refuses them. Filters are the whole process's, so they are set here only,
    # not in read_image, which threads call.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        _, channels, (width, height) = _open(file, name)
    return channels, height, width


def read_image(file: IO[bytes], name: object) -> NDArray[np.uint8]:
    """The pixels (H, W, C); C is 1 or 3. Alpha is dropped where it hides nothing.

    Raises:
        UserError: it is no image, a damaged one, or one of other than opaque 8-bit grey or RGB pixels.
    """
    try:
        content = _read(file)
    except Exception as error:  # a damaged zip raises many things
        raise UserError(f"{name}: cannot be read: {_reason(error)}") from error
    image, channels, _ = _open(io.BytesIO(content), name)
    transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
    try:
        mode = "RGBA" if transparent else "L" if channels == 1 else "RGB"
        # An image that is of this mode would only be copied.
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        raise UserError(f"{name}: the image is damaged: {_reason(error)}") from error
    if transparent and (pixels[..., 3] != 255).any():
        raise UserError(f"{name}: has transparent pixels; must be opaque, on the background that is to be measured")
    # In RGBA, grey is the same value three times.
    return pixels[..., None] if pixels.ndim == 2 else pixels[..., :channels]


def _read(file: IO[bytes]) -> bytes:
    """All of a file, but no more than MAX_BYTES; memory for so many would be taken, and given back, for every image."""
    content = piece = file.read(min(_PIECE, MAX_BYTES))
    while piece and len(content) < MAX_BYTES:
        piece = file.read(min(len(content), MAX_BYTES - len(content)))
        content += piece
    return content


def _open(file: IO[bytes], name: object) -> tuple[Image.Image, int, tuple[int, int]]:
    """The image with its header read and checked, its channels (1 or 3), and its width and height."""
    start = b"-"
    try:
        start = file.read(_START)
        file.seek(0)
        if start.startswith(b"P") and not _NETPBM.match(start):
            raise ValueError("netpbm must be binary and of 8 bits (P4, or P5 or P6 with the maximum 255)")
        image = Image.open(file, formats=_FORMATS)
        frames = getattr(image, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise UserError(f"{name}: too large; an image has {MAX_PIXELS} pixels at most") from error
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        kind = kind_of_start(start)
        reason = kind.words if kind.name in ("empty", "html", "lfs") else _reason(error)
        raise UserError(f"{name}: not a readable image ({', '.join(_FORMATS)}): {reason}") from error
    if image.width * image.height > MAX_PIXELS:
        raise UserError(f"{name}: too large ({image.width}x{image.height}); an image has {MAX_PIXELS} pixels at most")
    if frames != 1:
        raise UserError(f"{name}: holds {frames} pictures; must be one image")
    # Pillow takes 16-bit colour to 8 bits without a word.
    if start.startswith(_PNG) and start[_PNG_DEPTH] == 16:
        raise UserError(f"{name}: has 16 bits per channel; must be 8-bit grey or RGB")
    if image.mode not in _GREY + _COLOUR:
        raise UserError(f"{name}: its pixels are {image.mode}; must be 8-bit grey or RGB")
    return image, 1 if image.mode in _GREY else 3, image.size


def _reason(error: Exception) -> str:
    # Pillow names its in-memory file by an address, which says nothing.
    return one_line(str(error).partition("<_io")[0], 150) or type(error).__name__
