"""Lines for people."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bdia_edm.base import lines
from bdia_edm.base.lines import Say, one_line, printable, size_words, to_stderr, to_stdout


@pytest.mark.parametrize(
    ("problem", "most", "line"),
    [
        (ValueError("two\n\tlines  and\r\nmore "), 300, "two lines and more"),
        ("a text", 300, "a text"),
        ("0123456789", 4, "0123"),
        (ValueError(), 300, "ValueError"),
        (KeyError("name"), 300, "'name'"),
        ("", 300, ""),
        ("größer", 300, "größer"),
        ("red \x1b[31m", 300, r"'red \x1b[31m'"),
        ("left \u202e right", 300, r"'left \u202e right'"),
    ],
)
def test_whatever_is_said_becomes_one_line(problem: object, most: int, line: str) -> None:
    assert one_line(problem, most) == line


def test_the_end_of_a_long_text() -> None:
    assert one_line("Traceback:\n line\nthe reason", 10, keep_end=True) == "the reason"
    assert one_line("short", 10, keep_end=True) == "short"


def test_text_from_elsewhere() -> None:
    assert printable("a name") == "a name"
    assert printable("two\nlines") == r"'two\nlines'"


def test_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr("a line")
    assert capsys.readouterr() == ("", "a line\n")


HOSTILE = ["\x1b[31mred", "\x9b2J", "over\rwritten", "\x1b]0;title\x07", "left \u202e right", "\x7f", "\udc9b", "a\tb"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("say", [to_stderr, to_stdout])
def test_nothing_that_is_printed_speaks_to_the_terminal(
    say: Say, hostile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say(f"größer: {hostile}\nthe second line")
    printed = "".join(capsys.readouterr())
    assert all(character.isprintable() for character in printed.replace("\n", ""))
    assert printed.startswith("größer: ")
    assert printed.splitlines()[1:] == ["the second line"]
    assert ascii(hostile)[1:-1] in printed


def test_nobody_prints_past_them() -> None:
    """No module but this prints, whatever it prints: where it came from is then nothing to remember."""
    package = Path(lines.__file__).parents[1]
    found: list[str] = []
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"):
                found.append(path.relative_to(package).as_posix())
    assert found == ["base/lines.py"]


def test_who_reads_no_further_gets_no_traceback() -> None:
    """And does not stop the work."""
    program = "from bdia_edm.base.lines import to_stderr, to_stdout\nfor _ in range(9): to_stdout('x' * 99999)\n"
    program += "to_stderr('done')"
    line = f"'{sys.executable}' -c \"$PROGRAM\" | head -c 5; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, env={**os.environ, "PROGRAM": program}
    )
    assert (done.stdout, done.stderr) == ("xxxxx0\n", "done\n")


@pytest.mark.parametrize(("size", "words"), [(999, "999 B"), (4_200_000, "4.2 MB"), (5_900_000_000, "5.9 GB")])
def test_sizes(size: int, words: str) -> None:
    assert size_words(size) == words
