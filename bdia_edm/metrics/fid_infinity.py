"""The Fréchet distance that infinitely many images would have, from a line through those of fewer.

The distance of n images is too large by about c/n, with c of the model (Chong and Forsyth 2020, arXiv 1911.07023): so
it is taken of random subsets of 15 sizes evenly in n from N/10 to N, a straight line is fitted in 1/n by least squares,
and its value at 1/n = 0 is the figure. One run of it spreads by the draw of the subsets, several times as much as the
distance itself does by the images: without an interval it tells no two samplers apart. That is the jackknife's over
groups of images, of the whole procedure: without a group every subset lacks its images of it. The subsets' places are
the same for every run, so that of two samplers on the same seeds they hold the same seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.jackknife import FEWEST_IMAGES, group_sizes
from bdia_edm.metrics.metric import METRICS, FeatureSpace, Metric, Rows
from bdia_edm.metrics.one_thread import one_thread
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.metrics.uncertainty import DistancesWithout, Uncertainty

__all__ = ["FidInfinity", "distance_at_infinity", "infinity_without_groups", "random_subsets", "sizes_of_subsets"]

Features = NDArray[np.floating]
Float64 = NDArray[np.float64]
_SIZES = 15
_PER_GROUP = 10


@METRICS.add("fid_infinity")
class FidInfinity(Metric):
    """The Fréchet distance extrapolated to infinitely many images; 15 distances, and 300 more for its interval."""

    name = "fid_infinity"
    needs = frozenset({"features"})
    fewest = _SIZES + 2

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        value = distance_at_infinity(random_subsets(findings.features), reference.mean, reference.covariance)
        return {f"{space.distance_name}_infinity": value}

    def uncertainty(
        self, findings: Findings, reference: Reference, space: FeatureSpace, rows: Rows
    ) -> dict[str, Uncertainty]:
        # Of fewer the smallest subsets would lack nothing without most of the groups.
        if findings.num < _PER_GROUP * FEWEST_IMAGES:
            return {}
        without = infinity_without_groups(findings.features, reference)
        return {f"{space.distance_name}_infinity": Uncertainty(findings.features.shape[1], np.empty(0), without)}


def sizes_of_subsets(num: int) -> NDArray[np.int64]:
    """15 sizes evenly from num/10 to num, (15,).

    Raises:
        ValueError: the sizes would be the same.
    """
    if num < _SIZES + 2:
        raise ValueError(f"{num} images have no {_SIZES} subsets of different sizes; take {_SIZES + 2} or more")
    return np.linspace(max(num // 10, 2), num, _SIZES).astype(np.int64)


def random_subsets(features: Features) -> Iterator[Features]:
    """Of each size the first rows of features (N, F) in an order of its own, drawn by the size's place."""
    for places in _places(len(features)):
        yield features[places]


def _places(num: int) -> Iterator[NDArray[np.int64]]:
    for place, size in enumerate(sizes_of_subsets(num)):
        yield np.random.RandomState(place).permutation(num)[:size]


def distance_at_infinity(subsets: Iterable[Features], mean: Float64, covariance: Float64) -> float:
    """The value at 1/n = 0 of the line through the distances of the subsets (n, F) from the data's Gaussian."""
    reciprocals, distances = [], []
    for rows in subsets:
        statistics = FeatureStatistics(rows.shape[1])
        statistics.add(rows)
        distances.append(frechet_distance(*statistics.mean_and_covariance(), mean, covariance))
        reciprocals.append(1 / len(rows))
    return _at_zero(np.array(reciprocals), np.array(distances))


def infinity_without_groups(features: Features, reference: Reference) -> Float64:
    """That value of all images' features (N, F) but one group's each, (20,); a bar on stderr where it is a terminal."""
    groups = np.repeat(np.arange(len(sizes := group_sizes(len(features)))), sizes)
    reciprocals, distances = np.empty((2, _SIZES, len(sizes)))
    # Without a terminal a bar would fill a log file with lines.
    subsets = tqdm(_places(len(features)), "distances without groups of images", _SIZES, disable=None, leave=False)
    for place, subset in enumerate(subsets):
        statistics = FeatureStatistics(features.shape[1])
        statistics.add(features[subset])
        without = DistancesWithout(len(subset), *statistics.mean_and_covariance(), reference)
        for group in range(len(sizes)):
            rows = features[subset[groups[subset] == group]].astype(np.float64)
            reciprocals[place, group] = 1 / (len(subset) - len(rows))
            mean = rows.mean(axis=0) if len(rows) else np.zeros(features.shape[1])
            distances[place, group] = without.of_others(len(rows), mean, _squares(rows - mean))
    return np.array([_at_zero(reciprocals[:, group], distances[:, group]) for group in range(len(sizes))])


def _squares(centred: Float64) -> Float64:
    with one_thread():
        rows = torch.tensor(centred)
        return (rows.T @ rows).numpy()


def _at_zero(x: Float64, y: Float64) -> float:
    """The least squares' line through (x, y) at x = 0."""
    centred = x - x.mean()
    slope = (centred * (y - y.mean())).sum() / np.square(centred).sum()
    return float(y.mean() - slope * x.mean())
