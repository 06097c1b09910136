"""Feature statistics: exact, and the same bits in any split."""

from __future__ import annotations

import numpy as np
import pytest

from bdia_edm.metrics.statistics import FeatureStatistics, too_few_images


def made(num: int, width: int, mean: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((num, width)) @ rng.standard_normal((width, width)) + mean).astype(np.float32)


def statistics_of(features: np.ndarray, *cuts: int) -> FeatureStatistics:
    statistics = FeatureStatistics(features.shape[1])
    for part in np.split(features, cuts):
        statistics.add(part)
    return statistics


@pytest.mark.parametrize("num", [2, 511, 512, 513, 1700])
def test_mean_and_covariance(num: int) -> None:
    features = made(num, 7)
    mean, covariance = statistics_of(features).mean_and_covariance()
    np.testing.assert_allclose(mean, features.mean(axis=0, dtype=np.float64), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(features.astype(np.float64).T), rtol=1e-10, atol=1e-12)


def test_any_split_gives_the_same_bits() -> None:
    features = made(1700, 64)
    whole = statistics_of(features).mean_and_covariance()
    for seed in range(20):
        cuts = np.sort(np.random.default_rng(seed).integers(0, 1700, 9))
        for a, b in zip(whole, statistics_of(features, *cuts).mean_and_covariance(), strict=True):
            assert np.array_equal(a, b)


def test_reading_changes_nothing() -> None:
    features = made(900, 5)
    statistics = FeatureStatistics(5)
    for part in np.split(features, 30):
        statistics.add(part)
        if statistics.num > 1:
            statistics.mean_and_covariance()
    for a, b in zip(statistics.mean_and_covariance(), statistics_of(features).mean_and_covariance(), strict=True):
        assert np.array_equal(a, b)


def test_a_large_mean_costs_no_digits() -> None:
    features = made(3000, 4).astype(np.float64)
    _, near = statistics_of(features).mean_and_covariance()
    _, far = statistics_of(features + 1e6).mean_and_covariance()
    np.testing.assert_allclose(far, near, rtol=1e-8)


def test_misuse_is_refused() -> None:
    statistics = FeatureStatistics(3)
    with pytest.raises(ValueError, match=r"must be \(n, 3\)"):
        statistics.add(np.zeros((2, 4)))
    statistics.add(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="at least 2"):
        statistics.mean_and_covariance()


def test_too_few_images_are_those_whose_covariance_is_singular() -> None:
    for num in (3, 4, 5):
        _, covariance = statistics_of(made(num, 4)).mean_and_covariance()
        singular = np.linalg.matrix_rank(covariance) < 4
        assert bool(too_few_images(num, 4)) == singular
    assert too_few_images(64, 2048).startswith("warning: 64 images are too few for 2048 features: ")
