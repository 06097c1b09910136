"""Zips of which no more is unpacked than is asked for."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bdia_edm.base.plain_zip import open_plain_zip


def test_stored_and_deflated_entries_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"one", zipfile.ZIP_STORED)
        archive.writestr("b", b"two", zipfile.ZIP_DEFLATED)
    with open_plain_zip(tmp_path / "a.zip") as archive:
        assert [archive.read(name) for name in ("a", "b")] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("method", "words"),
    [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA"), (9, "Deflate64"), (93, "Zstandard"), (77, "method 77")],
)
def test_others_are_refused_by_name_wherever_they_stand(method: int, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"one")
        archive.writestr("b\n", b"two")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 10
    data[place : place + 2] = method.to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(zipfile.BadZipFile, match=rf"^'b\\n' is packed by {words}; must be stored or deflated$"):
        open_plain_zip(path)


def test_what_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"hello")
    with pytest.raises(zipfile.BadZipFile):
        open_plain_zip(tmp_path / "a.zip")
