"""Folders and hub ids: what is fetched, and what is said of what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.hub_files import folder_of


def never(hub_id: str) -> object:
    raise AssertionError(f"fetched {hub_id}")


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert folder_of(str(tmp_path), "clip=x", "a/b", never) == tmp_path


def test_a_hub_id_is_fetched(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(hub_id: str) -> object:
        asked.append(hub_id)
        return tmp_path

    assert folder_of("someone/model", "clip=someone/model", "a/b", fetch) == tmp_path
    assert asked == ["someone/model"]


def test_what_is_neither(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for where in (str(tmp_path / "file"), "/no/such", "one-word"):
        with pytest.raises(UserError, match=r"^clip=x: no such folder; must be .* or a hub id such as a/b$"):
            folder_of(where, "clip=x", "a/b", never)


def test_the_reason_why_nothing_was_fetched_is_one_line() -> None:
    def fetch(hub_id: str) -> object:
        raise OSError("no\nroute")

    with pytest.raises(UserError, match=r"cannot be fetched \(is there internet\?\): no route$"):
        folder_of("someone/model", "clip=someone/model", "a/b", fetch)
