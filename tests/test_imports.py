"""What the commands import on their way: only what they need for what they are asked to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

COMPILER = {"torch._dynamo", "torch._inductor", "sympy"}


def imported(module: str, *arguments: str) -> set[str]:
    """The names of all modules that are there when a command has done its work, in a process of its own."""
    lines = f"import sys, atexit, runpy; atexit.register(lambda: print(*sys.modules, sep=chr(10), file=sys.stderr)); \
sys.argv = {[module, *arguments]!r}; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stderr.splitlines())


def test_sampling_does_without_the_compiler(tmp_path: Path) -> None:
    found = imported("bdia_edm.sample", "+model=digits", "seeds=0-63", "sampler.num_steps=2", f"results_dir={tmp_path}")
    assert "torch" in found
    assert found & COMPILER == set()
