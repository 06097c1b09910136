"""The distance at infinity: public code's and numpy's figures, and less bias than the distance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bdia_edm.metrics.fid_infinity import (
    FidInfinity,
    distance_at_infinity,
    infinity_without_groups,
    random_subsets,
    sizes_of_subsets,
)
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.jackknife import group_sizes
from bdia_edm.metrics.reference import ReferenceStatistics
from tests.metrics.metric_references import DIGITS, PAIRS, VALUES, figures, pair
from tests.metrics.test_statistics import statistics_of

NAMES = [name for name in PAIRS if "fid_infinity" in VALUES["pairs"][name]]


def close_to(value: float) -> Any:
    return pytest.approx(value, rel=0, abs=1e-8 * max(1, abs(value)))


def by_dgm_eval(rows: np.ndarray) -> Iterator[np.ndarray]:
    random = np.random.default_rng(0)
    return (random.choice(rows, size, replace=False) for size in sizes_of_subsets(len(rows)))


def by_fid_is_infinity(rows: np.ndarray) -> Iterator[np.ndarray]:
    random, shuffled = np.random.RandomState(0), rows.copy()
    for size in sizes_of_subsets(len(rows)):
        random.shuffle(shuffled)
        yield shuffled[:size]


@pytest.mark.parametrize("name", NAMES)
def test_reference_values(name: str) -> None:
    x, y, values = pair(name)
    expected = values["fid_infinity"]
    moments = statistics_of(y).mean_and_covariance()
    assert sizes_of_subsets(len(x)).tolist() == expected["sizes"]
    each = [frechet_distance(*statistics_of(rows).mean_and_covariance(), *moments) for rows in random_subsets(x)]
    assert each == [close_to(value) for value in expected["fixed_subsets"]["fids"]]
    found = distance_at_infinity(random_subsets(x), *moments)
    assert found == close_to(expected["fixed_subsets"]["intercept"])
    assert abs(found - expected["expected"]["mean"]) < 4 * expected["expected"]["std_of_one_run"]
    assert distance_at_infinity(by_dgm_eval(x), *moments) == close_to(expected["dgm_eval"]["value"])
    assert distance_at_infinity(by_fid_is_infinity(x), *moments) == close_to(expected["fid_is_infinity"]["value"])


def test_the_metric_is_named_by_the_distance() -> None:
    x, y, values = pair("close")
    expected = close_to(values["fid_infinity"]["fixed_subsets"]["intercept"])
    assert figures(FidInfinity(), x, y) == {"fid_infinity": expected}
    assert figures(FidInfinity(), x, y, DIGITS) == {"fd_digits_infinity": expected}


def test_there_is_less_bias_than_in_the_distance() -> None:
    """Images of the data's own distribution, at no distance from it."""
    random = np.random.default_rng(0)
    mean, covariance = np.zeros(16), np.eye(16)
    rows = [random.standard_normal((600, 16)) for _ in range(10)]
    distances = [frechet_distance(*statistics_of(each).mean_and_covariance(), mean, covariance) for each in rows]
    extrapolated = [distance_at_infinity(random_subsets(each), mean, covariance) for each in rows]
    assert np.mean(distances) > 0.1
    assert abs(np.mean(extrapolated)) < 0.02


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match="16 images have no 15 subsets of different sizes; take 17 or more"):
        sizes_of_subsets(16)
    assert len(set(sizes_of_subsets(17).tolist())) == 15


def test_without_a_group_every_subset_lacks_its_images() -> None:
    x, y, _ = pair("close")
    reference = ReferenceStatistics(*statistics_of(y).mean_and_covariance(), "r")
    found = infinity_without_groups(x, reference)
    ends = np.cumsum(group_sizes(len(x)))
    for group in (0, 7, 19):
        numbers = np.arange(len(x))
        kept = (numbers < ends[group] - group_sizes(len(x))[group]) | (numbers >= ends[group])
        subsets = [subset[:, 0].astype(int) for subset in random_subsets(numbers[:, None].astype(float))]
        rows = [x[subset[kept[subset]]] for subset in subsets]
        assert found[group] == pytest.approx(distance_at_infinity(rows, reference.mean, reference.covariance), abs=1e-9)


def test_its_standard_error_is_its_spread_over_images() -> None:
    """By the jackknife, of images in four dimensions with a known distance from the data."""
    random = np.random.default_rng(1)
    reference = ReferenceStatistics(np.zeros(4), np.eye(4), "r")
    found = []
    for _ in range(60):
        findings = Findings(4, 0, FidInfinity.needs)
        findings.add((random.standard_normal((500, 4)) + 0.3).astype(np.float32))
        (value,) = FidInfinity().compute(findings, reference, DIGITS).values()
        (own,) = FidInfinity().uncertainty(findings, reference, DIGITS, list).values()
        found.append((value, own.standard_error(value)))
    values, errors = np.array(found).T
    assert abs(values.mean() - 4 * 0.3**2) < 4 * values.std() / np.sqrt(60)
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.35)


def test_of_few_images_there_is_no_interval() -> None:
    findings = Findings(4, 0, FidInfinity.needs)
    findings.add(np.random.default_rng(0).standard_normal((399, 4)).astype(np.float32))
    reference = ReferenceStatistics(np.zeros(4), np.eye(4), "r")
    assert FidInfinity().uncertainty(findings, reference, DIGITS, list) == {}
