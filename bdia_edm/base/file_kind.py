"""What a file is by its content, in words that say what to do: for files that are not what they were given as."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

__all__ = ["FileKind", "kind_of", "kind_of_start"]

_START = 1 << 16
_LONGEST_SAFETENSORS_HEADER = 100_000_000  # the format's own limit
_TORCH_BEFORE_1_6 = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"(\xb5/\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
}
_OTHERS = {
    b"\x93NUMPY": "one array (.npy); np.savez makes an npz",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
}


class FileKind(NamedTuple):
    """A kind, and what messages say of it.

    Attributes:
        name: pickle, safetensors, npz, torch (a zip), torch_before_1.6, torchscript, zip, html, lfs, empty, missing
            (no file, or none to read: a FIFO, a folder), other.
    """

    name: str
    words: str


def kind_of(path: Path) -> FileKind:
    """The kind by the file's first bytes and, of a zip, the names in it; the file's own name counts for nothing.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file():  # a FIFO or a device might never end
        return FileKind("missing", "no regular file" if path.exists() else "no such file")
    with path.open("rb") as file:
        start = file.read(_START)
    return _kind_of_zip(path) if start.startswith(b"PK") else kind_of_start(start)


def kind_of_start(start: bytes) -> FileKind:
    """The kind of a file that begins with these bytes; zips are not told apart."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not text:
        return FileKind("empty", "it is empty; get the file again")
    if text.startswith(b"version https://git-lfs"):
        return FileKind(
            "lfs", "a Git LFS pointer instead of the file; 'git lfs pull' in its repository brings the file"
        )
    if text.startswith((b"<!doctype html", b"<html")):
        return FileKind("html", "it is an HTML page instead of the file; its URL may ask for a login or be outdated")
    if start.startswith(_TORCH_BEFORE_1_6):
        return FileKind("torch_before_1.6", "a file of torch.save")
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        edm = b"torch_utils.persistence" in start
        return FileKind("pickle", "an EDM pickle, which holds a network" if edm else "a pickle, and not one of EDM's")
    if start.startswith(b"PK"):
        return FileKind("zip", "a zip")
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= _LONGEST_SAFETENSORS_HEADER:
        return FileKind("safetensors", "a safetensors file, which holds a network")
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            return FileKind("other", f"packed by {name}; unpack it first")
    for magic, words in _OTHERS.items():
        if start.startswith(magic):
            return FileKind("other", words)
    if start[257:262] == b"ustar":
        return FileKind("other", "a tar archive; unpack it first")
    shown = "".join(map(chr, start[:20]))
    what = (
        "a text" if re.fullmatch(r"[\t\r\n -~]+", "".join(map(chr, start[:1000]))) else "of no kind that is known here"
    )
    return FileKind("other", f"{what}; it begins with {json.dumps(shown)}")


def _kind_of_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # a damaged zip raises many things
        return FileKind("other", "a zip (an npz and a file of torch.save are zips) that is damaged or cut short")
    inner = {name.rpartition("/")[2] for name in names[:1000]}
    if {"data.pkl", "constants.pkl"} <= inner:
        return FileKind("torchscript", "a TorchScript file, which is a program")
    if "data.pkl" in inner:
        return FileKind("torch", "a file of torch.save")
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    if arrays and len(arrays) == len(names):
        shown = ", ".join(map(ascii, arrays[:5]))
        return FileKind("npz", f"an npz with {shown}{', ...' if len(arrays) > 5 else ''}")
    return FileKind("zip", f"a zip of {len(names)} files")
