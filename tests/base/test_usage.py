"""A command that is called wrongly ends in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bdia_edm import checkpoint, fid, status, table
from bdia_edm.base.usage import Command, Group

COMMANDS = (fid.main, checkpoint.main, status.main, table.main)


def test_every_command_under_click_is_one() -> None:
    for command in COMMANDS:
        assert isinstance(command, Command)
        if isinstance(command, Group):
            assert all(isinstance(each, Command) for each in command.commands.values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fid cal", "fid: No such command 'cal'. Did you mean 'calc'?"),
        ("fid calc --images x", "fid calc: Missing option '--ref'"),
        ("fid calc --num x --images x --ref x", "fid calc: Invalid value for '--num': 'x' is not a valid integer"),
        ("checkpoint list --jsn", "checkpoint list: No such option '--jsn'. Did you mean '--json'?"),
        ("checkpoint fetch a b", "checkpoint fetch: Got unexpected extra argument (b)"),
        ("status", "status: Missing argument 'RESULTS_DIR'"),
        ("status no\x1b[31m", "status: Invalid value for 'RESULTS_DIR': Directory 'no\\x1b[31m' does not exist"),
        ("table . b", "table: Got unexpected extra argument (b)"),
    ],
)
def test_a_wrong_call(words: str, message: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *rest = words.split()
    monkeypatch.setattr(sys, "argv", [name, *rest])
    with pytest.raises(SystemExit) as ending:
        {"fid": fid, "checkpoint": checkpoint, "status": status, "table": table}[name].main(prog_name=name)
    assert ending.value.code == 2
    assert capsys.readouterr() == ("", f"error: {message} (--help lists what there is)\n")


def test_help_and_a_group_alone(capsys: pytest.CaptureFixture) -> None:
    for words, code in ((["--help"], 0), ([], 2), (["calc", "--help"], 0)):
        with pytest.raises(SystemExit) as ending:
            fid.main(words)
        assert ending.value.code == code
        said = capsys.readouterr()
        assert said.out.startswith("Usage: ") == (code == 0)
        assert said.err.startswith("Usage: ") == (code == 2)


def test_as_a_user_sees_it() -> None:
    done = subprocess.run([sys.executable, "-m", "bdia_edm.status"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: python -m bdia_edm.status: Missing argument 'RESULTS_DIR' (--help lists what there is)\n"
    )
