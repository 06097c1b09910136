"""The versions that a figure may depend on."""

from __future__ import annotations

import contextlib
import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed_versions"]


def installed_versions(*packages: str) -> dict[str, str]:
    """Python's version, this program's and those of ``packages``; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in ("bdia_edm", *packages):
        # From a checkout on the path, without an installation, this program's is unknown.
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
