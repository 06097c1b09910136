"""Versions for records."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import bdia_edm
from bdia_edm.base.versions import code_of, code_version, installed_versions


def test_what_is_installed_is_named() -> None:
    found = installed_versions("numpy", "no-such-package")
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert "no-such-package" not in found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout" / "package"
    (folder / "room").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "room" / "module.py").write_text("x = 1\n")
    return folder


def git(folder: Path, *arguments: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    names = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *names, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_this_programs_code_is_what_lies_here() -> None:
    assert code_version() == code_of(Path(next(iter(bdia_edm.__path__))))
    assert code_version() is code_version()


def test_every_change_of_the_modules_is_another_source(package: Path) -> None:
    seen = [code_of(package)["source"]]
    module = package / "room" / "module.py"
    changes = (
        lambda: module.write_text("x = 2\n"),
        lambda: module.rename(package / "module.py"),
        lambda: (package / "room" / "new.py").write_text(""),
        lambda: (package / "__init__.py").write_text("x = 2\n"),
        lambda: (package / "module.py").unlink(),
    )
    for change in changes:
        change()
        seen.append(code_of(package)["source"])
    assert len(set(seen)) == len(changes) + 1
    # Compiled modules and data are not the source.
    (package / "room" / "new.pyc").write_text("")
    assert code_of(package)["source"] == seen[-1]


def test_the_commit_is_the_checkouts_that_tracks_the_package(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(code_of(package)) == {"source"}
    checkout = package.parent
    git(checkout, "init", "-q")
    (checkout / "file").write_text("")
    git(checkout, "add", "file")
    git(checkout, "commit", "-qm", "m")
    # Installed within the checkout of another project.
    assert set(code_of(package)) == {"source"}
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "m")
    git(checkout, "tag", "v1")
    commit = git(checkout, "rev-parse", "HEAD")
    assert code_of(package)["commit"] == commit
    # As in a hook of another repository.
    monkeypatch.setenv("GIT_DIR", str(checkout / "none"))
    assert code_of(package)["commit"] == commit
    (package / "__init__.py").write_text("x = 2\n")
    assert code_of(package)["commit"] == f"{commit}-dirty"
    monkeypatch.setenv("PATH", "")
    assert set(code_of(package)) == {"source"}
