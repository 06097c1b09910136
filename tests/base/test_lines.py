"""Lines for people."""

from __future__ import annotations

import pytest

from bdia_edm.base.lines import one_line, printable, to_stderr


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
