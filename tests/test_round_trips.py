"""The script that measures round trips."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import SAMPLERS
from scripts import round_trips


def test_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is exact comes back, on the grid bit for bit; what is not, does not; every invertible sampler is there."""
    monkeypatch.setattr(round_trips, "SAMPLERS", [each for each in round_trips.SAMPLERS if each[1].get("gamma") != 0.5])
    done = CliRunner().invoke(round_trips.main, ["--images", "4", "--steps", "10", "--model", "mixture"])
    assert done.exit_code == 0, done.output
    table = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.endswith(" |")][2:]
    invertible = {name for name in SAMPLERS.names() if issubclass(SAMPLERS[name], InvertibleSampler)}
    assert {row[0].split(",")[0].split()[0] for row in table} == invertible
    for label, _, _, largest, _, alone, *_ in table:
        if label.startswith(("euler", "heun")):
            assert float(largest) > 1e-4
        else:
            # Not quite 0 on the grid either: it is the image that is put on it.
            assert float(largest) < (2**-41 * 1.2 if "grid" in label else 1e-9)
            assert float(alone) > 1e6 * float(largest)
