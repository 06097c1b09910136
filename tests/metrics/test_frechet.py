"""The Fréchet distance against reference values, closed forms and itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.statistics import FeatureStatistics
from tests.metrics.test_statistics import statistics_of
from tests.references import REFERENCE

FEATURES = np.load(REFERENCE / "frechet" / "features.npz")
VALUES = json.loads((REFERENCE / "frechet" / "values.json").read_text())


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return frechet_distance(*statistics_of(a).mean_and_covariance(), *statistics_of(b).mean_and_covariance())


def distance_from(reference: Reference, statistics: FeatureStatistics) -> float:
    return frechet_distance(*statistics.mean_and_covariance(), reference.mean, reference.covariance)


def test_reference_values() -> None:
    a, b = FEATURES["a"], FEATURES["b"]
    assert distance(a, b) == pytest.approx(VALUES["full_rank"], rel=1e-8)
    assert distance(a, b[:20]) == pytest.approx(VALUES["rank_deficient_20_of_64"], rel=1e-7)
    assert distance(b[:20], a) == pytest.approx(VALUES["rank_deficient_20_of_64"], rel=1e-7)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("num", [10, 40, 500])
def test_a_set_is_at_no_distance_from_itself_and_never_at_less(seed: int, num: int) -> None:
    """The squared distance of equal sets, singular ones too, is 0 but for rounding, and that not below 0."""
    features = np.random.default_rng(seed).standard_normal((num, 32)) * 10
    assert 0 <= distance(features, features) < 1e-9


def test_commuting_covariances_have_a_closed_form() -> None:
    """Same eigenvectors: |m1 - m2|² + sum (sqrt a_i - sqrt b_i)², null directions of either included."""
    rng = np.random.default_rng(0)
    vectors, _ = np.linalg.qr(rng.standard_normal((12, 12)))
    a, b = rng.uniform(0, 4, 12), rng.uniform(0, 4, 12)
    a[:4] = 0
    b[2:7] = 0
    mean1, mean2 = rng.standard_normal((2, 12))
    expected = ((mean1 - mean2) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    got = frechet_distance(mean1, (vectors * a) @ vectors.T, mean2, (vectors * b) @ vectors.T)
    assert got == pytest.approx(expected, rel=1e-7)


def test_one_dimension() -> None:
    got = frechet_distance(np.array([1.0]), np.array([[4.0]]), np.array([3.0]), np.array([[9.0]]))
    assert got == pytest.approx(4 + 1)


def test_point_masses() -> None:
    zero = np.zeros((3, 3))
    assert frechet_distance(np.zeros(3), zero, np.ones(3), zero) == pytest.approx(3)
    assert frechet_distance(np.zeros(3), zero, np.ones(3), np.eye(3)) == pytest.approx(6)


def test_near_singular_covariance() -> None:
    """Scales from 1 to 1e-12, as Inception's features have them: diagonal, so the answer is known."""
    scales = np.logspace(0, -12, 40)
    vectors, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((40, 40)))
    rotated = (vectors * scales) @ vectors.T
    expected = (np.sqrt(scales) - np.sqrt(2 * scales)) ** 2
    got = frechet_distance(np.zeros(40), rotated, np.zeros(40), 2 * rotated)
    assert got == pytest.approx(expected.sum(), rel=1e-7)
