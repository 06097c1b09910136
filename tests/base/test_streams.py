"""A process that was started with a standard stream closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import bdia_edm, os, sys
from bdia_edm.base.lines import to_stderr
to_stderr("a warning")
os.write(2, b"a library's words")
file = open("written", "w")
file.write(f"{file.fileno()} {sys.stderr.isatty()} {sys.stdin.read()!r}")
print("a result")
"""


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_what_is_said_reaches_no_other_stream(closed: str, tmp_path: Path) -> None:
    line = f"exec '{sys.executable}' -c '{PROGRAM}' {closed}"
    line = line.replace(PROGRAM, PROGRAM.replace("'", "'\\''"))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, input="", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ("" if " >&-" in f" {closed}" else "a result\n")
    assert done.stderr == ("" if "2>&-" in closed else "a warning\na library's words")
    number, rest = (tmp_path / "written").read_text().split(" ", 1)
    assert int(number) > 2
    assert rest == "False ''"
