"""The versions that a figure may depend on: what is installed, and this program's own code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["code_of", "code_version", "installed_versions"]


def installed_versions(*packages: str) -> dict[str, str]:
    """Python's version, this program's and those of ``packages``; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in ("bdia_edm", *packages):
        # From a checkout on the path, without an installation, this program's is unknown.
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def code_version() -> dict[str, str]:
    """``code_of`` this program, as its files were when this process first asked."""
    return code_of(Path(__file__).parents[1])


def code_of(package: Path) -> dict[str, str]:
    """Which code lies in the folder of a package.

    Returns:
        'source', the SHA-256 of its modules, and 'commit', the checkout's, with '-dirty' where tracked files of the
        checkout were changed since; none where the package is not tracked by git, or there is no git.
    """
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).parts):
        digest.update(f"{path.relative_to(package).as_posix()} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    found = {"source": digest.hexdigest()}
    # An installed package may lie within the checkout of another project.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py"):
        commit = _git(package, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
        if commit:
            found["commit"] = commit
    return found


def _git(folder: Path, *arguments: str) -> str:
    """What git prints in the folder; '' where it fails."""
    # Git's own variables, as in a hook, may name another checkout; a look writes no index.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], env=environment, capture_output=True, text=True, timeout=10
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
