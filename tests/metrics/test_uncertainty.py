"""The uncertainty of a distance from a second reading of the features."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.influence import influence
from bdia_edm.metrics.jackknife import group_sizes
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.metrics.uncertainty import DistancesWithout, uncertainty_of
from tests.metrics.test_statistics import made, statistics_of

REFERENCE = ReferenceStatistics(*statistics_of(made(700, 16, mean=0.4)).mean_and_covariance(), "checksum")


def distance(rows: np.ndarray) -> float:
    return frechet_distance(*statistics_of(rows).mean_and_covariance(), REFERENCE.mean, REFERENCE.covariance)


def cut(rows: np.ndarray, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


@pytest.mark.parametrize("num", [40, 157, 159])
def test_few_images_are_left_out_group_by_group(num: int) -> None:
    rows = made(num, 16)
    found = uncertainty_of(cut(rows, 50), num, *statistics_of(rows).mean_and_covariance(), REFERENCE)
    groups = np.split(rows, np.cumsum(group_sizes(num))[:-1])
    for j, without in enumerate(found.without_group):
        assert without == pytest.approx(distance(np.concatenate([*groups[:j], *groups[j + 1 :]])), rel=1e-10)
    assert (len(found.without_group), found.method) == (20, "jackknife")
    assert found.standard_error(distance(rows)) == pytest.approx(
        math.sqrt(19 / 20 * ((found.without_group - found.without_group.mean()) ** 2).sum())
    )


def test_many_images_have_their_influence_alone() -> None:
    rows = made(2000, 16)
    moments = statistics_of(rows).mean_and_covariance()
    found = uncertainty_of([rows], len(rows), *moments, REFERENCE)
    expected = influence(rows, *moments, REFERENCE.mean, REFERENCE.covariance)
    assert np.allclose(found.influence, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    assert (len(found.without_group), found.method) == (0, "influence")
    assert found.standard_error(0.5) == math.sqrt(expected.var(ddof=1) / 2000)


def test_the_size_of_blocks_changes_no_bit() -> None:
    rows = made(150, 16)
    moments = statistics_of(rows).mean_and_covariance()
    one, other = (uncertainty_of(cut(rows, size), 150, *moments, REFERENCE) for size in (150, 7))
    assert one.influence.tobytes() == other.influence.tobytes()
    assert one.without_group.tobytes() == other.without_group.tobytes()


@pytest.mark.parametrize("num", [12, 16, 60])
def test_of_all_it_is_the_distance_at_any_rank(num: int) -> None:
    """With fewer images than features too, and with a reference that lacks directions."""
    rows = made(num, 16)
    moments = statistics_of(rows).mean_and_covariance()
    assert DistancesWithout(num, *moments, REFERENCE).of_all() == pytest.approx(distance(rows), rel=1e-9)
    thin = ReferenceStatistics(*statistics_of(made(9, 16)).mean_and_covariance(), "checksum")
    expected = frechet_distance(*moments, thin.mean, thin.covariance)
    assert DistancesWithout(num, *moments, thin).of_all() == pytest.approx(expected, rel=1e-9)


def test_missing_rows_are_an_error() -> None:
    rows = made(100, 16)
    moments = statistics_of(rows).mean_and_covariance()
    with pytest.raises(ValueError, match="fewer rows"):
        uncertainty_of([rows[:99]], 100, *moments, REFERENCE)
