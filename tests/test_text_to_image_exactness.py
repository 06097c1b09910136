"""The script that measures round trips by type of number."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

pytest.importorskip("diffusers")

from scripts import text_to_image_exactness


def test_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is exact comes back as far as its numbers reach, and the grid to the bit; what is not does not."""
    monkeypatch.setattr(text_to_image_exactness, "GUIDANCES", (1.0,))
    monkeypatch.setattr(text_to_image_exactness, "RECONSTRUCTED", ((2, 3.0),))
    done = CliRunner().invoke(text_to_image_exactness.main, ["--steps", "6"])
    assert done.exit_code == 0, done.output
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| 6")]
    *trips, grid = rows
    assert len(trips) == len(text_to_image_exactness.WAYS)
    for _, words, nfe, *cells in trips:
        # Six steps at gamma 0.5 are too many for states of float16.
        assert [each.startswith("refused") for each in cells] == [False] * 3 + [words == "BDIA, gamma 0.5"] * (
            len(cells) - 3
        )
        errors = [float(each.split()[0]) for each in cells if each and not each.startswith("refused")]
        assert len(errors) == (4 if "BDIA" in words and "0.5" not in words else 3)
        assert nfe == ("12 + 12" if words == "EDICT" else "6 + 6" if "DDIM" in words else "6 + 5")
        if "DDIM" in words:
            assert min(errors) > 1e-2
        else:
            assert errors[0] < 1e-11 < errors[1] < 1e-3
            assert max(errors) < 0.1
    assert [each.split()[0] for each in grid[1:5]] == ["0"] * 4
    assert all(float(each) < 1e-9 for each in grid[5:7])
    assert grid[7] == "0"
    (inexact,) = [line for line in done.stdout.splitlines() if line.startswith("| 2, 3 |")]
    assert "gradients" in inexact
