"""Versions for records."""

from __future__ import annotations

import platform

import numpy as np

from bdia_edm.base.versions import installed_versions


def test_what_is_installed_is_named() -> None:
    found = installed_versions("numpy", "no-such-package")
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert "no-such-package" not in found
