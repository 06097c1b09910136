"""Folders and zips of files, seen alike."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bdia_edm.images.containers import Container, Folder, Label, Zip


@pytest.fixture(params=["folder", "zip"])
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Container:
    """Of one file, a/b.png, that holds the text 'pixels'."""
    if request.param == "folder":
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b.png").write_text("pixels")
        return Folder(tmp_path)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a/b.png", "pixels")
    return Zip(tmp_path / "c.zip", zipfile.ZipFile(tmp_path / "c.zip"))


def test_a_file_in_it(container: Container, tmp_path: Path) -> None:
    assert container.has("a/b.png")
    assert not container.has("a/c.png")
    assert container.size("a/b.png") == 6
    with container.open("a/b.png") as file:
        assert file.read() == b"pixels"
    assert str(Label(container, "a/b.png")) in (f"{tmp_path}/a/b.png", f"{tmp_path}/c.zip: a/b.png")
    container.close()


def test_a_name_is_printed_harmlessly(container: Container) -> None:
    assert "\x1b" not in container.label("a\x1b[31m.png")
    container.close()
