"""The Fréchet distance that infinitely many images would have, from a line through those of fewer.

The distance of n images is too large by about c/n, with c of the model (Chong and Forsyth 2020, arXiv 1911.07023): so
it is taken of random subsets of 15 sizes evenly in n from N/10 to N, a straight line is fitted in 1/n by least squares,
and its value at 1/n = 0 is the figure. One run of it spreads by the draw of the subsets, several times as much as the
distance itself does by the images: without an interval it tells no two samplers apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.metric import METRICS, FeatureSpace, Metric
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.statistics import FeatureStatistics

__all__ = ["FidInfinity", "distance_at_infinity", "random_subsets", "sizes_of_subsets"]

Rows = NDArray[np.floating]
_SIZES = 15


@METRICS.add("fid_infinity")
class FidInfinity(Metric):
    """The Fréchet distance extrapolated to infinitely many images; 15 distances."""

    name = "fid_infinity"
    needs = frozenset({"features"})
    fewest = _SIZES + 2

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        value = distance_at_infinity(random_subsets(findings.features), reference.mean, reference.covariance)
        return {f"{space.distance_name}_infinity": value}


def sizes_of_subsets(num: int) -> NDArray[np.int64]:
    """15 sizes evenly from num/10 to num, (15,).

    Raises:
        ValueError: the sizes would be the same.
    """
    if num < _SIZES + 2:
        raise ValueError(f"{num} images have no {_SIZES} subsets of different sizes; take {_SIZES + 2} or more")
    return np.linspace(max(num // 10, 2), num, _SIZES).astype(np.int64)


def random_subsets(features: Rows) -> Iterator[Rows]:
    """Of each size the first rows of features (N, F) in an order of its own, drawn by the size's place."""
    for place, size in enumerate(sizes_of_subsets(len(features))):
        yield features[np.random.RandomState(place).permutation(len(features))[:size]]


def distance_at_infinity(subsets: Iterable[Rows], mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    """The value at 1/n = 0 of the line through the distances of the subsets (n, F) from the data's Gaussian."""
    reciprocals, distances = [], []
    for rows in subsets:
        statistics = FeatureStatistics(rows.shape[1])
        statistics.add(rows)
        distances.append(frechet_distance(*statistics.mean_and_covariance(), mean, covariance))
        reciprocals.append(1 / len(rows))
    x, y = np.array(reciprocals), np.array(distances)
    centred = x - x.mean()
    slope = (centred * (y - y.mean())).sum() / np.square(centred).sum()
    return float(y.mean() - slope * x.mean())
