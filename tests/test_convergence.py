"""The script that measures the orders of convergence."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from bdia_edm.samplers.registry import SAMPLERS
from scripts import convergence


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convergence, "STEPS", (40, 80))
    done = CliRunner().invoke(convergence.main, ["--images", "8"])
    assert done.exit_code == 0, done.output
    assert "the median over 8 images" in done.stdout
    table = done.stdout[done.stdout.index("| sampler |") :]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()][2:]
    orders = {row[0]: float(row[-1]) for row in rows}
    assert len(rows) == 2 + 2 * 2 * 3 * 5 + len(convergence.SOLVERS)
    assert {name for _, name, _ in convergence.SOLVERS} | {"edm", "euler", "bdia", "ablation"} == set(SAMPLERS.names())
    assert orders["EDM (Heun)"] == pytest.approx(2, abs=0.101)
    assert orders["Euler (DDIM)"] == pytest.approx(1, abs=0.101)
