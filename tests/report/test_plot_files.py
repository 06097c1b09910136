"""Pages of a plot; what is in them is the plots' tests' to see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from bdia_edm.report.plot_files import write_pages


@pytest.mark.parametrize(("number", "pages"), [(0, []), (1, [1]), (5, [4, 1]), (11, [4, 4])])
def test_pages(number: int, pages: list[int], tmp_path: Path) -> None:
    drawn: list[tuple[int, str]] = []

    def draw(panels: Sequence[int], note: str) -> Figure:
        drawn.append((len(panels), note))
        return Figure(figsize=(1, 1))

    for name in ("x.pdf", "x.png", "x.svg", "x-2.png", "x-3.svg", "x-5.png", "y-2.png"):
        (tmp_path / name).touch()
    names = write_pages(range(number), tmp_path, "x", draw)
    assert [panels for panels, _ in drawn] == pages
    assert [note for _, note in drawn if note] == (["3 more panels are not drawn"] if number == 11 else [])
    # What is another plot's, or no page that was written in a row, stays.
    assert {path.name for path in tmp_path.iterdir()} == {*names, "x-5.png", "y-2.png"}
    assert all((tmp_path / name).stat().st_size for name in names)
