"""Running the commands, in this process (fast) or in one of their own (as a user does)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hydra.core.global_hydra import GlobalHydra

from bdia_edm import compare, edit, generate, interpolate, invert, sample, trajectory


class Result(NamedTuple):
    status: int
    out: str
    err: str


def run_here(capsys: pytest.CaptureFixture[str], command: str, *arguments: str) -> Result:
    """The command in this process."""
    before, sys.argv = sys.argv, [f"bdia_edm.{command}", *arguments]
    GlobalHydra.instance().clear()
    capsys.readouterr()
    try:
        modules = {"sample": sample, "compare": compare, "invert": invert, "edit": edit, "interpolate": interpolate}
        modules |= {"trajectory": trajectory, "generate": generate}
        modules[command].main()
        status = 0
    except SystemExit as ending:
        status = int(ending.code or 0)
    finally:
        sys.argv = before
    return Result(status, *capsys.readouterr())


def run_apart(command: str, *arguments: str, cwd: Path | None = None, timeout: float = 300) -> Result:
    """The command in a process of its own."""
    line = [sys.executable, "-m", f"bdia_edm.{command}", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, cwd=cwd, timeout=timeout, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def modules_of(module: str, *arguments: str) -> set[str]:
    """The modules at the top of their packages that a click command has imported when it has done its work."""
    line = f"import sys; from {module} import main; main(standalone_mode=False); print(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", line, *arguments], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
