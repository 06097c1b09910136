"""The built wheel, installed elsewhere, runs: its conf and its assets are in it. And the other ways to have it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent
PAPERS = ("2206.00364", "2307.10829")


def test_the_wheel_runs_elsewhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "bdia_edm/conf/model/digits.yaml" in names
    assert "bdia_edm/assets/digits.safetensors" in names
    assert {f"bdia_edm/report/page/page.{suffix}" for suffix in ("css", "js")} <= set(names)
    assert not any(name.startswith(("tests/", "results/")) for name in names)

    facts = message_from_bytes(
        zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith(".dist-info/METADATA")))
    )
    pythons = SpecifierSet(facts["Requires-Python"])
    named = {found[1] for found in re.finditer(r"Python :: (3\.\d+)", str(facts.get_all("Classifier")))}
    assert named == {version for version in (f"3.{minor}" for minor in range(8, 20)) if version in pythons}
    assert all(any(paper in url for url in facts.get_all("Project-URL")) for paper in PAPERS)

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


def made(*words: str) -> list[str]:
    """What make would do, a line each."""
    # The make that runs these tests tells its options to those below it.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "TORCH"))}
    done = subprocess.run(["make", *words], capture_output=True, text=True, cwd=ROOT, check=True, env=own)
    return done.stdout.replace("\\\n", " ").splitlines()


def test_make_help_names_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = [line.split()[1] for line in made() if line.startswith("make ")]
    assert sorted(shown) == sorted(phony.split())
    assert all(len(line.split()) > 2 for line in made("help"))


def test_torch_of_another_index_is_installed_before_all_else_and_alone(tmp_path: Path) -> None:
    new = f"VENV={tmp_path / 'venv'}"

    def installs(*words: str) -> list[str]:
        return [line for line in made("-n", "demo", new, *words) if " pip " in line]

    with_cuda, without = installs(), installs("TORCH_INDEX=there")
    first, rest = without[0], without[1:]
    assert rest == with_cuda
    assert "--index-url" not in with_cuda[0]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    assert re.search(r"--no-deps --index-url there ", first)
    assert f"torch=={pins['torch']} torchvision=={pins['torchvision']}" in first


def test_the_citation_is_of_this_version_and_names_the_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert citation["version"] == version
    assert [each["identifiers"][0]["value"] for each in citation["references"]] == [f"arXiv:{each}" for each in PAPERS]


def test_the_image_is_made_of_what_the_wheel_needs() -> None:
    """No container engine runs here: what can be known without one."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    copied = {name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert all((ROOT / name).exists() and name not in ignored for name in copied)
    project = (ROOT / "pyproject.toml").read_text()
    (files,) = re.findall(r"^license-files = (\[.*\])$", project, re.MULTILINE)
    assert copied == {"constraints.txt", "pyproject.toml", "README.md", "bdia_edm", "conf", *json.loads(files)}
    assert lines.index("USER 1000") > max(at for at, line in enumerate(lines) if line.startswith("RUN "))
