"""Mean and covariance of features, in float64, the same bits however the features arrive.

Rows are gathered into chunks of fixed size and only whole chunks are added up, so the sums depend on the rows and
their order, never on how they were split into calls. Sums are of differences from the first chunk's mean: without
that shift the covariance of features with a large mean would lose digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.one_thread import one_thread

__all__ = ["FeatureStatistics", "too_few_images"]

Float64 = NDArray[np.float64]
_CHUNK = 512


class FeatureStatistics:
    """Running statistics of feature vectors.

    Args:
        num_features: length F of a feature vector.
    """

    def __init__(self, num_features: int) -> None:
        self.num_features = num_features
        self.num = 0
        self._pending = np.empty((_CHUNK, num_features))
        self._num_pending = 0
        self._shift: Float64 | None = None
        self._sum = np.zeros(num_features)
        self._outer = np.zeros((num_features, num_features))

    def add(self, features: NDArray[np.floating]) -> None:
        """Adds rows (n, F); the order of all rows ever added matters for the last bits, their split does not."""
        if features.ndim != 2 or features.shape[1] != self.num_features:
            raise ValueError(f"features of shape {features.shape}: must be (n, {self.num_features})")
        start = 0
        while start < len(features):
            rows = features[start : start + _CHUNK - self._num_pending]
            self._pending[self._num_pending : self._num_pending + len(rows)] = rows
            self._num_pending += len(rows)
            self.num += len(rows)
            start += len(rows)
            if self._num_pending == _CHUNK:
                self._shift, self._sum, self._outer = self._folded()
                self._num_pending = 0

    def mean_and_covariance(self) -> tuple[Float64, Float64]:
        """The mean (F,) and the unbiased covariance (F, F), which needs two rows at least."""
        if self.num < 2:
            raise ValueError(f"{self.num} feature vectors have no covariance: at least 2 are needed")
        shift, total, outer = self._folded()
        offset = total / self.num
        return shift + offset, (outer - self.num * np.outer(offset, offset)) / (self.num - 1)

    def _folded(self) -> tuple[Float64, Float64, Float64]:
        """Shift, sum and sum of outer products with the pending rows added; changes nothing."""
        rows = self._pending[: self._num_pending]
        shift = rows.mean(axis=0) if self._shift is None else self._shift
        centred = rows - shift
        with one_thread():
            # A tensor of its own: libraries may round unaligned memory differently.
            copied = torch.tensor(centred)
            product = (copied.T @ copied).numpy()
        return shift, self._sum + centred.sum(axis=0), self._outer + product


def too_few_images(num: int, num_features: int) -> str:
    """A warning where so few images cannot tell a covariance; '' where they can."""
    if num > num_features:
        return ""
    return (
        f"warning: {num} images are too few for {num_features} features: their covariance is singular, and the "
        "distance says as much of the number of images as of the images"
    )
