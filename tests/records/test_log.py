"""The log of a run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.signals import Interrupted
from bdia_edm.records.log import logged
from bdia_edm.records.run_folder import RunFolder


def lines(folder: Path) -> list[str]:
    found = []
    for line in RunFolder(folder).log.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (.*)", line)
        assert match is not None, line
        found.append(match[1])
    return found


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("seed 3:\nnot finite"), "seed 3: not finite"),
        (Interrupted(15), "SIGTERM"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_every_start_adds_what_it_says_and_how_it_ends(error: BaseException, words: str, tmp_path: Path) -> None:
    said: list[str] = []

    def fail() -> None:
        with logged(tmp_path, "begun", said.append) as say:
            say("größer \033[31m")
            say("it is\nhttps://a.org/b?token=c " + 900 * "x")
            raise error

    with pytest.raises(type(error)):
        fail()
    with logged(tmp_path, "begun", said.append) as say:
        say("resuming")
    assert said[0] == "größer \033[31m"
    whole = "it is https://a.org/b?... " + 900 * "x"
    assert lines(tmp_path) == ["begun", r"größer \x1b[31m", whole, f"ended: {words}", "begun", "resuming", "finished"]


@pytest.mark.parametrize("instead", ["fifo", "folder", "full"])
def test_where_it_cannot_be_written_it_is_missing(instead: str, tmp_path: Path) -> None:
    path = RunFolder(tmp_path).log
    {"fifo": os.mkfifo, "folder": Path.mkdir, "full": lambda path: path.symlink_to("/dev/full")}[instead](path)
    said: list[str] = []
    with logged(tmp_path, "begun", said.append) as say:
        say("a line")
    assert said == ["a line"]
