"""A plot's files: its panels in pages of PNG and SVG, and all of them in one PDF."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bdia_edm.base.whole_files import written_whole

__all__ = ["write_pages"]

P = TypeVar("P")
_PANELS = 4
_PAGES = 2
"""Panels of a page and pages of a plot: what can still be read, and is drawn in seconds."""
_SUFFIXES: dict[str, dict[str, Any]] = {".png": {"dpi": 110}, ".svg": {"metadata": {"Date": None}}}


def write_pages(panels: Sequence[P], folder: Path, name: str, draw: Callable[[Sequence[P], str], Any]) -> list[str]:
    """Writes name.png and name.svg, of the next page name-2.png and so on, and name.pdf with all pages.

    Beyond some pages the tables alone tell the rest, which is said on the last one. What an earlier plot of more panels
    left is removed; without panels that is all.

    Args:
        draw: makes a Matplotlib figure of a page's panels, with a note at the bottom where it is not ''.

    Returns:
        The names of the files.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    pages = [panels[start : start + _PANELS] for start in range(0, len(panels), _PANELS)][:_PAGES]
    _remove_pages(folder, name, len(pages) + 1)
    if not pages:
        (folder / f"{name}.pdf").unlink(missing_ok=True)
        return []
    written: list[str] = []
    # The same records give the same bytes; fonts that a journal takes.
    with (
        rc_context({"svg.hashsalt": "bdia_edm", "pdf.fonttype": 42, "hatch.linewidth": 0.6}),
        written_whole(folder / f"{name}.pdf") as partial,
        PdfPages(partial, metadata={"CreationDate": None}) as pdf,
    ):
        for number, page in enumerate(pages, 1):
            left = len(panels) - _PANELS * _PAGES if number == _PAGES else 0
            figure = draw(page, f"{left} more panels are not drawn" if left > 0 else "")
            for suffix, options in _SUFFIXES.items():
                written.append(f"{_page(name, number)}{suffix}")
                with written_whole(folder / written[-1]) as picture:
                    figure.savefig(picture, format=suffix[1:], **options)
            pdf.savefig(figure)
    return [*written, f"{name}.pdf"]


def _page(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _remove_pages(folder: Path, name: str, first: int) -> None:
    """Removes the pages from ``first`` on that an earlier plot left."""
    for number in itertools.count(first):
        pages = [folder / f"{_page(name, number)}{suffix}" for suffix in _SUFFIXES]
        if not any(page.exists() for page in pages):
            return
        for page in pages:
            page.unlink(missing_ok=True)
