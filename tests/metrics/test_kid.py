"""KID: the figures of public code, the definition, its standard error against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from bdia_edm.metrics.kid import Kid, kid, kid_standard_error
from tests.metrics.metric_references import DIGITS, PAIRS, figures, pair


def close_to(value: float) -> object:
    return pytest.approx(value, rel=0, abs=1e-9 * max(1, abs(value)))


@pytest.mark.parametrize("name", PAIRS)
def test_all_rows_and_blocks_of_them(name: str) -> None:
    x, y, values = pair(name)
    assert kid(x, y) == close_to(values["kid"]["all_unbiased"])
    blocks = values["kid"]["blocks_of_100"]
    each = [kid(x[i : i + 100], y[i : i + 100]) for i in range(0, 500, 100)]
    assert each == [close_to(value) for value in blocks["values"]]
    assert kid_standard_error(x[:500], y, 5) == close_to(blocks["standard_error"])


@pytest.mark.parametrize("name", PAIRS)
def test_torch_fidelitys_and_clean_fids_subsets(name: str) -> None:
    """Theirs is the same estimator of drawn subsets: 100 of 250 rows, each program's own draws."""
    x, y, values = pair(name)
    random, legacy = np.random.RandomState(2020), np.random.RandomState(0)
    ours, theirs = [], []
    for _ in range(100):
        first, second = (random.choice(len(rows), 250, replace=False) for rows in (x, y))
        ours.append(kid(x[first], y[second]))
        first, second = (legacy.choice(len(rows), 250, replace=False) for rows in (x, y))
        theirs.append(kid(x[first], y[second]))
    assert np.mean(ours) == close_to(values["kid"]["torch_fidelity"]["float64"]["mean"])
    assert np.std(ours) == close_to(values["kid"]["torch_fidelity"]["float64"]["std"])
    assert np.mean(theirs) == close_to(values["kid"]["clean_fid"]["float64"])


def test_by_the_definition_across_blocks() -> None:
    """More rows than a block of pairs has, of a count that leaves a rest."""
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2100, 3)).astype(np.float32), random.standard_normal((1025, 3)).astype(np.float32)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a.astype(np.float64) @ b.astype(np.float64).T / 3 + 1) ** 3

    xx, yy = kernel(x, x), kernel(y, y)
    expected = (xx.sum() - xx.trace()) / (2100 * 2099) + (yy.sum() - yy.trace()) / (1025 * 1024)
    assert kid(x, y) == pytest.approx(expected - 2 * kernel(x, y).mean(), abs=1e-12)


def test_the_metric_names_its_detector_and_takes_rows_in_random_order() -> None:
    x, y, values = pair("duplicates")
    found = figures(Kid(), x, y)
    assert list(found) == ["kid", "kid_se"]
    assert list(figures(Kid(), x, y, DIGITS)) == ["kid_digits", "kid_digits_se"]
    assert found["kid"] == close_to(values["kid"]["all_unbiased"])
    assert found == figures(Kid(), x, y)
    # Its rows are copies in order: in that order blocks would be other sets, seven times as far away.
    assert found["kid_se"] < kid_standard_error(x, y) / 2
    # Rows of the same place in both sets are no pairs: a set against itself is as random as any other.
    assert figures(Kid(), y, y)["kid_se"] > 0
    assert list(figures(Kid(), x[:19], y)) == ["kid"]


@pytest.mark.parametrize(("shift", "least", "most"), [(0.4, 0.7, 1.4), (0.0, 1.5, 4.0)])
def test_the_error_is_that_of_repetitions_or_on_the_safe_side(shift: float, least: float, most: float) -> None:
    random = np.random.default_rng(1)
    estimates, errors = [], []
    for _ in range(40):
        x, y = random.standard_normal((400, 4)) + shift, random.standard_normal((400, 4))
        estimates.append(kid(x, y))
        errors.append(kid_standard_error(x, y))
    assert least < np.sqrt(np.mean(np.square(errors))) / np.std(estimates, ddof=1) < most


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="must be two or more of the same length"):
        kid(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="must be two or more of the same length"):
        kid(np.zeros((1, 3)), np.zeros((5, 3)))
