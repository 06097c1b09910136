"""python -m bdia_edm: the commands by name, and what a shell may complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bdia_edm
from bdia_edm import __main__ as front
from bdia_edm.config.conf_folder import model_list
from bdia_edm.samplers.registry import SAMPLERS

FOLDER = Path(bdia_edm.__file__).parent


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["bdia-edm", *words])
    front.main()


def test_every_command_is_listed_with_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    runnable = {path.stem for path in FOLDER.glob("*.py") if "if __name__ ==" in path.read_text()} - {"__main__"}
    assert set(front.commands()) == runnable >= {"sample", "compare", "fid", "checkpoint", "table", "status"}
    run(monkeypatch)
    out = capsys.readouterr().out
    for name, words in front.commands().items():
        assert f"  {name:<{max(map(len, runnable))}}  {words}\n" in out
        assert words
        assert not words.startswith("python")


def test_the_list_needs_no_torch() -> None:
    program = (
        "import runpy, sys; sys.argv = ['x']; runpy.run_module('bdia_edm', run_name='__main__'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "usage: bdia-edm COMMAND" in done.stdout
    assert not {"torch", "hydra", "matplotlib"} & set(done.stdout.splitlines()[-1].split())


def test_completion_needs_no_torch() -> None:
    """A press of the key would take seconds."""
    program = (
        "import runpy, sys; sys.argv = ['x', '--complete', 'bdia-edm', 'digi', 'x']; "
        "runpy.run_module('bdia_edm', run_name='__main__'); print(*sys.modules)"
    )
    line = {"COMP_LINE": "bdia-edm sample +model=digi"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, **line}
    )
    assert done.stdout.startswith("digits\n")
    assert "torch" not in done.stdout.split()


def test_a_command_is_run_with_its_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ending:
        run(monkeypatch, "sample", "+model=digits", "device=tpu")
    assert ending.value.code == 2
    assert (
        capsys.readouterr().err
        == "error: device=tpu: must be one of auto, cpu, cuda, and cuda:N for the GPU of this number\n"
    )
    with pytest.raises(SystemExit) as ending:
        run(monkeypatch, "status", "--help")
    assert ending.value.code == 0
    assert "bdia-edm status [OPTIONS] " in capsys.readouterr().out


def test_an_unknown_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ending:
        run(monkeypatch, "sampel", "+model=digits")
    assert ending.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: sampel: unknown command; there are checkpoint, compare, ")
    assert err.endswith("; did you mean sample?\n")


def test_the_version_is_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    for words in (["--version"], ["sample", "--version"], ["compare", "+model=digits", "--version"]):
        run(monkeypatch, *words)
        assert capsys.readouterr().out.startswith("bdia_edm ")


def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, line: str, word: str) -> list[str]:
    """What bash is given for ``word``, the part of the last word that it would replace."""
    monkeypatch.setenv("COMP_LINE", line)
    run(monkeypatch, "--complete", "bdia-edm", word, "before")
    return capsys.readouterr().out.split()


def test_completion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def found(line: str, word: str) -> list[str]:
        return completed(monkeypatch, capsys, line, word)

    assert found("bdia-edm s", "s") == ["sample", "status"]
    assert found("bdia-edm ", "") == [*front.commands(), "--help", "--version"]
    assert found("bdia-edm sample +mod", "+mod") == ["+model="]
    # bash takes words apart at '='.
    assert set(found("bdia-edm sample +model=", "=")) == set(model_list())
    assert found("bdia-edm sample +model=digi", "digi") == ["digits"]
    assert set(found("bdia-edm sample +model=digits sampler=", "")) == set(SAMPLERS.names())
    assert "sampler.gamma=" in found("bdia-edm sample +model=digits sampler.", "sampler.")
    assert found("bdia-edm fid ca", "ca") == ["calc"]
    assert "--images" in found("bdia-edm fid calc --i", "--i")
    assert found("bdia-edm nothing x", "x") == []
