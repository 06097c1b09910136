"""What a comparison writes; the commands' tests see the whole of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.report import comparison
from bdia_edm.report.comparison import side_by_side, write_comparison
from tests.report.test_tables import BDIA, record

FILES = ["table.csv", "table.md", "table.pdf", "table.png", "table.svg", "table.tex"]


def folder_of(path: Path, value: int) -> Path:
    path.mkdir()
    np.savez(RunFolder(path).preview, arr_0=np.full((3, 4, 4, 1), value, np.uint8))
    return path


def test_side_by_side_takes_the_best_of_the_same_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        (folder_of(tmp_path / "a", 1), record("edm", 6, 11, 0.9)),
        (folder_of(tmp_path / "b", 2), record("bdia", 6, 11, 0.5, BDIA)),
        (folder_of(tmp_path / "c", 3), record("bdia", 6, 11, 0.4, {"backward": "euler", "gamma": 0.2})),
        (folder_of(tmp_path / "d", 4), record("bdia", 6, 15, 0.1, {"backward": "heun", "gamma": 0.1})),
        (folder_of(tmp_path / "e", 5), record("edm", 9, 17, 0.2)),
    ]
    shown: list[Any] = []
    monkeypatch.setattr(comparison, "write_side_by_side", lambda path, rows, title: shown.extend(rows))
    side_by_side(runs, tmp_path / "x.png")
    assert [int(images[0, 0, 0, 0]) for _, images in shown] == [1, 3]
    assert [name.splitlines()[0] for name, _ in shown] == ["EDM, 6 steps, NFE 11", "BDIA, 6 steps, NFE 11"]
    assert shown[1][0].splitlines()[1:] == ["euler, gamma 0.2", "fd_digits 0.4", "best of 2 on these seeds"]
    # Without a baseline all are shown.
    shown.clear()
    side_by_side(runs[1:3], tmp_path / "x.png")
    assert [int(images[0, 0, 0, 0]) for _, images in shown] == [2, 3]


def test_files(tmp_path: Path) -> None:
    text, plots = write_comparison([record("edm", 6, 11, 0.9)], tmp_path / "new", "table")
    assert plots == [tmp_path / "new" / "table.svg"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == FILES
    assert (tmp_path / "new" / "table.md").read_text() == text


def test_plots_of_other_studies_are_none_of_its_own(tmp_path: Path) -> None:
    def study(*gammas: float) -> list[str]:
        records = [record("edm", 6, 11, 0.9)]
        records += [record("bdia", 6, 11, 0.5 + gamma, BDIA | {"gamma": gamma}) for gamma in gammas]
        return [path.name for path in write_comparison(records, tmp_path, "table").plots]

    (tmp_path / "table_order.svg").write_text("another study's")
    assert study(0.1, 0.2, 0.3) == ["table.svg", "table_gamma.svg"]
    # Of two values there is no such plot: neither is the earlier one left.
    assert study(0.1, 0.2) == ["table.svg"]
    assert sorted(path.name for path in tmp_path.glob("*_*")) == ["table_order.svg"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 cut", None])
def test_a_preview_that_is_not_readable(content: bytes | None, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", 1)
    preview = RunFolder(folder).preview
    preview.unlink() if content is None else preview.write_bytes(content)
    with pytest.raises(UserError, match=rf"^{preview}: not readable \(.*\); remove {folder} to have it made again$"):
        side_by_side([(folder, record("edm", 6, 11, 0.9))], tmp_path / "x.png")


def test_the_best_is_the_most_where_more_is_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        (folder_of(tmp_path / str(k), k), record("bdia", 6, 11, figure)) for k, figure in enumerate([0.2, 0.9, 0.5])
    ]
    runs.append((folder_of(tmp_path / "edm", 9), record("edm", 6, 11, 1.0)))
    for _, each in runs:
        each["higher_is_better"] = ["fd_digits"]
    shown: list[Any] = []
    monkeypatch.setattr(comparison, "write_side_by_side", lambda path, rows, title: shown.extend(rows))
    side_by_side(runs, tmp_path / "x.png")
    assert [int(images[0, 0, 0, 0]) for _, images in shown] == [9, 1]


def test_of_figures_that_are_no_numbers_the_best_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = [math.nan, 2.0, math.inf]
    runs = [(folder_of(tmp_path / str(k), k), record("bdia", 6, 11, figure)) for k, figure in enumerate(figures)]
    runs.append((folder_of(tmp_path / "edm", 9), record("edm", 6, 11, 1.0)))
    shown: list[Any] = []
    monkeypatch.setattr(comparison, "write_side_by_side", lambda path, rows, title: shown.extend(rows))
    side_by_side(runs, tmp_path / "x.png")
    assert [int(images[0, 0, 0, 0]) for _, images in shown] == [9, 1]
