"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bdia_edm.base.whole_files import clear_partials, clear_partials_below, write_text_whole, written_whole


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with written_whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_nothing_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with written_whole(path) as partial:
            partial.write_text("ne")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with written_whole(path) as first, written_whole(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # who ends last
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_text_is_utf_8_and_on_the_disk_where_it_must_be(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced, sync = tmp_path / "a.txt", list[int](), os.fsync

    def watched(descriptor: int) -> None:
        assert not path.exists()
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_text_whole(path, "größer\n", durable)
    assert path.read_bytes() == "größer\n".encode()
    assert synced == ([9] if durable else [])


def test_what_killed_writers_left_is_cleared(tmp_path: Path) -> None:
    def killed(name: str) -> Path:
        writing = written_whole(tmp_path / name)
        partial = writing.__enter__()
        partial.touch()
        writers.append(writing)  # left alone, it would clean up after itself
        return partial

    writers: list[object] = []
    (tmp_path / "below").mkdir()
    own, longer, below = killed("a.txt"), killed("a.txt.gz"), killed("below/a.txt")
    (tmp_path / "a.txt").touch()
    clear_partials(tmp_path / "a.txt")
    assert [path.exists() for path in (own, longer, below, tmp_path / "a.txt")] == [False, True, True, True]
    clear_partials_below(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "below"]
