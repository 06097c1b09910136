"""Debian's Chromium without a window, for tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any


def missing() -> str:
    """Why no page can be looked at here; '' where one can."""
    if find_spec("playwright") is None:
        return "playwright is not installed"
    return "" if shutil.which("chromium") else "not installed: chromium"


@contextmanager
def chromium() -> Iterator[Any]:
    """Playwright's browser."""
    from playwright.sync_api import sync_playwright

    # Its sandbox refuses root.
    own = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=own)
        try:
            yield browser
        finally:
            browser.close()
