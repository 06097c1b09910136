"""The uncertainty of a Fréchet distance from one more reading of the features, a few F·F numbers at a time.

Two samplers' images of the same seeds are alike, so what is kept of each run is enough for the interval of their
difference: the numbers of the influence function and, where so few images are that the jackknife is to be used
instead, the distances without each group of seeds. A group's moments are taken off the whole's: for the jackknife too
every image is read once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.factors import factor_of, negligible_eigenvalue
from bdia_edm.metrics.influence import Influence
from bdia_edm.metrics.jackknife import group_sizes, jackknife, takes_over
from bdia_edm.metrics.one_thread import one_thread
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.statistics import FeatureStatistics

__all__ = ["DistancesWithout", "Uncertainty", "uncertainty_of"]

Float64 = NDArray[np.float64]
_CHUNK = 512


class Uncertainty(NamedTuple):
    """Of one figure.

    Attributes:
        num_features: F, that it was measured in.
        influence: (N,) the numbers of the influence function, mean 0; (0,) where only the jackknife serves.
        without_group: (g,) the distances without each group of images; (0,) where the influence function serves.
    """

    num_features: int
    influence: Float64
    without_group: Float64

    @property
    def method(self) -> str:
        """'jackknife' or 'influence'."""
        return "jackknife" if len(self.without_group) else "influence"

    def standard_error(self, distance: float) -> float:
        """Of the distance of all images, by the method."""
        if len(self.without_group):
            return jackknife(distance, self.without_group).standard_error
        return math.sqrt(self.influence.var(ddof=1) / len(self.influence))


def uncertainty_of(
    blocks: Iterable[NDArray[np.floating]], num: int, mean: Float64, covariance: Float64, reference: Reference
) -> Uncertainty:
    """The uncertainty of the distance of N images' features from the reference.

    Args:
        blocks: the features (n, F) of all images, in order.
        num: of images.
        mean, covariance: of these features, the covariance of N - 1.
    """
    function = Influence(mean, covariance, reference.mean, reference.covariance)
    distances = DistancesWithout(num, mean, covariance, reference) if takes_over(num, len(mean)) else None
    found: list[Float64] = []
    without: list[float] = []
    rows = _Rows(blocks, len(mean))
    for size in group_sizes(num):
        group = FeatureStatistics(len(mean)) if distances is not None else None
        for start in range(0, size, _CHUNK):
            chunk = rows.take(min(_CHUNK, size - start))
            found.append(function(chunk))
            if group is not None:
                group.add(chunk)
        if distances is not None and group is not None:
            without.append(distances(group))
    numbers = np.concatenate(found)
    return Uncertainty(len(mean), numbers - numbers.mean(), np.array(without))


class DistancesWithout:
    """Distances of all images but some; arguments as of ``uncertainty_of``."""

    def __init__(self, num: int, mean: Float64, covariance: Float64, reference: Reference) -> None:
        self._num, self._mean, self._covariance = num, mean, covariance
        self._reference_mean = reference.mean
        reference_covariance = torch.tensor(np.asarray(reference.covariance, np.float64))
        self._reference_trace = float(reference_covariance.trace())
        with one_thread():
            self._factor = factor_of(reference_covariance)

    def __call__(self, group: FeatureStatistics) -> float:
        """The distance without these images, at least two and not all but one."""
        mean, covariance = group.mean_and_covariance()
        return self.of_others(group.num, mean, (group.num - 1) * covariance)

    def of_others(self, num: int, mean: Float64, squares: Float64) -> float:
        """The distance without ``num`` images of this mean (F,) and sum of squares about it (F, F)."""
        return self._distance(*self._rest(num, mean, squares)) if num else self.of_all()

    def of_all(self) -> float:
        """That of all images: ``frechet_distance`` but for rounding."""
        return self._distance(self._mean, self._covariance)

    def _rest(self, num: int, own_mean: Float64, own_squares: Float64) -> tuple[Float64, Float64]:
        rest = self._num - num
        mean = (self._num * self._mean - num * own_mean) / rest
        between = own_mean - mean
        squares = (self._num - 1) * self._covariance - own_squares
        squares -= (num * rest / self._num) * np.outer(between, between)
        return mean, squares / (rest - 1)

    def _distance(self, mean: Float64, covariance: Float64) -> float:
        with one_thread():
            product = self._factor.T @ torch.tensor(covariance) @ self._factor
            values = torch.linalg.eigvalsh(product)
            # Rounding that is no eigenvalue would be a large one under the root.
            trace_of_root = float(values[values > negligible_eigenvalue(product)].sqrt().sum())
        difference = mean - self._reference_mean
        traces = float(np.trace(covariance)) + self._reference_trace
        return float(difference @ difference) + traces - 2 * trace_of_root


class _Rows:
    """Rows of blocks, taken as many at a time as are asked for, whatever the blocks' sizes; one block is held."""

    def __init__(self, blocks: Iterable[NDArray[np.floating]], num_features: int) -> None:
        self._blocks: Iterator[NDArray[np.floating]] = iter(blocks)
        self._none: NDArray[np.floating] = np.empty((0, num_features))
        self._rest: NDArray[np.floating] = self._none

    def take(self, num: int) -> Float64:
        """The next ``num`` rows; ValueError where there are fewer."""
        taken, start = np.empty((num, self._none.shape[1])), 0
        while start < num:
            if not len(self._rest):
                self._rest = self._none
                self._rest = next(self._blocks, self._none)
                if not len(self._rest):
                    raise ValueError("there are fewer rows than images")
            part = self._rest[: num - start]
            taken[start : start + len(part)] = part
            self._rest = self._rest[len(part) :]
            start += len(part)
            del part
        return taken
