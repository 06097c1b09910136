"""The built wheel, installed elsewhere, runs: its conf and its assets are in it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_runs_elsewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "bdia_edm/conf/model/digits.yaml" in names
    assert "bdia_edm/assets/digits.safetensors" in names
    assert not any(name.startswith(("tests/", "results/")) for name in names)

    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*install, str(wheel)], check=True)
    # Isolated, and with its path first: the installed package is found, not the checkout.
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import bdia_edm; "
        f"assert bdia_edm.__file__.startswith({str(site)!r}), bdia_edm.__file__; "
        "import runpy; runpy.run_module('bdia_edm.sample', run_name='__main__', alter_sys=True)"
    )
    options = ["+model=digits", "seeds=0-9", "sampler.num_steps=3"]
    run = subprocess.run(
        [sys.executable, "-I", "-c", program, *options], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["num_images"] == 10
    assert "written: runs/digits-bdia-3steps-" in run.stderr
