"""The script that measures how often intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.reference import ReferenceStatistics
from scripts import coverage

NAMES = ("bdia 0.3, 9 steps", "edm, 9 steps")


def test_intervals_of_a_known_difference_hold_it() -> None:
    """Two Gaussians of known moments, alike row by row; a difference that is shifted by more than its error is held
    by none."""
    reference = ReferenceStatistics(np.zeros(3), np.eye(3), "checksum")
    scales = dict(zip(NAMES, (1.1, 1.2), strict=True))
    true = {
        name: frechet_distance(np.zeros(3), scale**2 * np.eye(3), np.zeros(3), np.eye(3))
        for name, scale in scales.items()
    }

    def draw(repetition: int) -> dict[str, np.ndarray]:
        rows = np.random.default_rng(repetition).standard_normal((500, 3))
        return {name: (scale * rows).astype(np.float32) for name, scale in scales.items()}

    found = coverage.coverage(draw, true, reference, (300, 500), 60)
    assert [(each.pair, each.num, each.method) for each in found] == [
        (NAMES, num, method) for num in (300, 500) for method in ("influence", "jackknife")
    ]
    for each in found:
        assert each.true == pytest.approx(3 * (0.1**2 - 0.2**2))
        assert each.held >= 0.85
        assert each.mean == pytest.approx(each.true, abs=each.half_width)
        assert each.half_width < each.unpaired
    wrong = coverage.coverage(draw, {**true, NAMES[1]: true[NAMES[1]] + 1}, reference, (500,), 3)
    assert [each.held for each in wrong] == [0, 0]


def test_the_page() -> None:
    options = ["--repetitions", "2", "--images", "60", "--truth", "1000", "--stored", "100"]
    done = CliRunner().invoke(coverage.main, options)
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| bdia", "| edm"))]
    assert len(rows) == 2 * (4 + 1)
    assert "true distances of 1,000 other images" in done.stdout
    assert "from 100 images" in done.stdout
