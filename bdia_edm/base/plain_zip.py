"""Zip files, npz among them, whose entries are stored or deflated: of these no more is unpacked than is asked for.

Of bzip2 and LZMA, Python unpacks at once whatever a piece of the file holds: 300 MB out of 400 bytes.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from bdia_edm.base.lines import printable

__all__ = ["open_plain_zip"]

_TAKEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NAMES = {9: "Deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 93: "Zstandard"}


def open_plain_zip(path: Path) -> zipfile.ZipFile:
    """Opens the zip and looks at what it says of its entries; nothing is unpacked.

    Raises:
        OSError, ValueError, RuntimeError, zipfile.BadZipFile: it is no readable zip, or an entry is packed otherwise.
    """
    archive = zipfile.ZipFile(path)
    for entry in archive.infolist():
        if entry.compress_type not in _TAKEN:
            archive.close()
            method = _NAMES.get(entry.compress_type, f"method {entry.compress_type}")
            raise zipfile.BadZipFile(f"{printable(entry.filename)} is packed by {method}; must be stored or deflated")
    return archive
