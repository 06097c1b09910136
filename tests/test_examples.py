"""The notebook runs, cell by cell, in one namespace: what a kernel does but for the pictures."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "digits.ipynb"


def test_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    found: dict[str, object] = {"__name__": "__main__"}
    try:
        for cell in cells:
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}, cell {cell['id']}", "exec"), found)
        assert plt.get_fignums() == [1, 2, 3]
    finally:
        plt.close("all")
    assert found["nfe"] == 17
    distances = found["distances"]
    assert isinstance(distances, dict)
    # More evaluations, nearer to the data: true of both samplers, by far.
    assert all(points[min(points)] > 2 * points[max(points)] > 0 for points in distances.values())
    assert len(list(tmp_path.rglob("record.json"))) == 4
