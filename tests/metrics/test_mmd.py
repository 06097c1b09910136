"""The Gaussian kernel's distance: the figures of CMMD's code, its closed form, its name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bdia_edm.metrics.mmd import Mmd, mmd
from tests.metrics.metric_references import DIGITS, FEATURES, PAIRS, VALUES, figures, pair


@pytest.mark.parametrize("name", PAIRS)
def test_reference_values(name: str) -> None:
    x, y, values = pair(name)
    assert mmd(x, y) == pytest.approx(values["cmmd"]["biased"], rel=0, abs=1e-8)
    assert mmd(x, y) == pytest.approx(values["cmmd"]["cmmd_pytorch"]["float64"], rel=0, abs=1e-8)
    assert mmd(y, x) == pytest.approx(mmd(x, y), rel=0, abs=1e-8)


def test_rows_of_length_one_as_clips() -> None:
    found = mmd(FEATURES["unit_generated"], FEATURES["unit_real"])
    assert found == pytest.approx(VALUES["cmmd_unit"]["biased"], rel=0, abs=1e-8)


def test_two_points() -> None:
    x, y = np.zeros((3, 2)), np.full((5, 2), 10.0)
    assert mmd(x, y) == pytest.approx(1000 * (2 - 2 * math.exp(-1)), abs=1e-9)
    assert 0 <= mmd(y, y) < 1e-9


def test_the_metric_is_named_by_its_detector() -> None:
    x, y, values = pair("close")
    assert figures(Mmd(), x, y, DIGITS) == {"mmd_digits": pytest.approx(values["cmmd"]["biased"], abs=1e-8)}
    # Inception's is no published figure either.
    assert list(figures(Mmd(), x, y)) == ["mmd_inception"]
