"""Small texts: what lies under their names may be anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bdia_edm.records import text_files
from bdia_edm.records.text_files import read_text


def test_a_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("é\n", encoding="utf-8")
    assert read_text(tmp_path / "a") == "é\n"


def test_what_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "nothing")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="no regular file"):
        read_text(tmp_path / "fifo")
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "latin")
    monkeypatch.setattr(text_files, "LARGEST", 10)
    (tmp_path / "ten").write_text("0123456789")
    assert len(read_text(tmp_path / "ten")) == 10
    (tmp_path / "eleven").write_text("01234567890")
    with pytest.raises(OSError, match="larger than 10 bytes"):
        read_text(tmp_path / "eleven")
