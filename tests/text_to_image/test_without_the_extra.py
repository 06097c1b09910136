"""The package without diffusers, transformers and accelerate: all else imports, and this part says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib, pkgutil, sys
for name in ("diffusers", "transformers", "accelerate"):
    sys.modules[name] = None
import bdia_edm
for module in pkgutil.walk_packages(bdia_edm.__path__, "bdia_edm.", onerror=lambda name: None):
    if ".text_to_image" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from bdia_edm.base.errors import UserError
try:
    import bdia_edm.text_to_image
except UserError as error:
    print(error)
"""


def test_all_else_imports_and_this_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "text to image: diffusers is missing; pip install 'bdia_edm[text]'\n"


def test_generate_says_it_in_one_line_and_helps(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a cat")
    blocked = "import sys; sys.modules['diffusers'] = None; from bdia_edm.generate import main; main()"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", blocked, *words]
        return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)

    done = run("pipeline=x", f"prompts={tmp_path / 'p.txt'}", f"results_dir={tmp_path}")
    said = "error: text to image: diffusers is missing; pip install 'bdia_edm[text]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    done = run("--help")
    assert done.returncode == 0
    assert "num_inference_steps=" in done.stdout


@pytest.mark.parametrize("command", ["edit", "compare"])
def test_its_commands_say_so_in_one_line(command: str) -> None:
    blocked = "import sys; sys.modules['diffusers'] = None; sys.argv = ['x', 'task=edit', 'pipeline=x']"
    line = f"{blocked}; from bdia_edm.{command} import main; main()"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: text to image: diffusers is missing; pip install 'bdia_edm[text]'\n"
