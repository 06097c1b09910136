"""The delete-a-group jackknife against its definition and what it is known to mend."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bdia_edm.metrics.jackknife import NUM_GROUPS, group_sizes, jackknife, takes_over, too_few_for_interval


def estimates(rows: np.ndarray, figure: object) -> tuple[float, np.ndarray]:
    groups = np.split(rows, np.cumsum(group_sizes(len(rows)))[:-1])
    assert callable(figure)
    without = [figure(np.concatenate([*groups[:j], *groups[j + 1 :]])) for j in range(len(groups))]
    return figure(rows), np.array(without)


def test_of_a_mean_it_is_the_groups_means() -> None:
    """Linear: no bias to correct, and the deviation of the groups' own means over √g."""
    rows = np.random.default_rng(0).standard_normal(400)
    found = jackknife(*estimates(rows, np.mean))
    assert found.value == pytest.approx(rows.mean(), abs=1e-12)
    deviation = rows.reshape(NUM_GROUPS, -1).mean(axis=1).std(ddof=1)
    assert found.standard_error == pytest.approx(deviation / math.sqrt(NUM_GROUPS), rel=1e-12)
    assert found.degrees_of_freedom == 19


def test_a_bias_of_1_over_n_goes() -> None:
    """Of the variance of n, too small by the n-th part, that of n - 1 is what is left: exactly, with groups of one."""
    rows = np.random.default_rng(1).standard_normal(30)
    without = np.array([np.delete(rows, k).var() for k in range(30)])
    assert jackknife(float(rows.var()), without).value == pytest.approx(rows.var(ddof=1), rel=1e-12)


@pytest.mark.parametrize("num", [40, 41, 59, 1000, 50_000])
def test_groups_are_as_equal_as_can_be(num: int) -> None:
    sizes = group_sizes(num)
    assert (len(sizes), sum(sizes)) == (20, num)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 2


def test_it_takes_over_at_few_images() -> None:
    assert (takes_over(3839, 64), takes_over(3840, 64)) == (True, False)


def test_too_few_images() -> None:
    assert too_few_for_interval(320, 64) == ""
    assert too_few_for_interval(319, 64) == (
        "warning: 319 images are fewer than 5 for each of 64 features: an interval of the distance is not to be trusted"
    )
