"""What one pass over the images' features finds: as much as the metrics need, and nothing else."""

from __future__ import annotations

from collections.abc import Set
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.statistics import FeatureStatistics

__all__ = ["NEEDS", "Findings"]

T = TypeVar("T")
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

NEEDS = frozenset({"moments", "features", "logits", "ode_errors"})
"""What a metric can ask for."""


class Findings:
    """Features and logits, taken in batch by batch in the images' order.

    Args:
        num_features: length F of an image's features.
        num_logits: number K of its logits.
        needs: what is gathered: 'moments' in float64 (a few F·F numbers whatever the number of images), 'features'
            and 'logits' row by row, 'ode_errors' a number an image.
    """

    def __init__(self, num_features: int, num_logits: int, needs: Set[str]) -> None:
        self.num = 0
        self._statistics = FeatureStatistics(num_features) if "moments" in needs else None
        self._features = _Rows(num_features) if "features" in needs else None
        self._logits = _Rows(num_logits) if "logits" in needs else None
        self._ode_errors: list[Float64] | None = [] if "ode_errors" in needs else None

    def add(self, features: Float32, logits: Float32 | None = None, ode_errors: Float64 | None = None) -> None:
        """Adds images: their features (n, F) and, where they are needed, logits (n, K) and squared errors (n,)."""
        self.num += len(features)
        if self._statistics is not None:
            self._statistics.add(features)
        if self._features is not None:
            self._features.add(features)
        if self._logits is not None:
            if logits is None or len(logits) != len(features):
                raise ValueError(f"logits of {len(features)} images are needed")
            self._logits.add(logits)
        if self._ode_errors is not None:
            if ode_errors is None or len(ode_errors) != len(features):
                raise ValueError(f"errors of {len(features)} images are needed")
            self._ode_errors.append(np.array(ode_errors, np.float64))

    @property
    def statistics(self) -> FeatureStatistics:
        """Running mean and covariance; ValueError where no moments were asked for."""
        return _asked(self._statistics, "moments")

    @property
    def moments(self) -> tuple[Float64, Float64]:
        """The mean (F,) and the unbiased covariance (F, F); ValueError where they were not asked for."""
        return self.statistics.mean_and_covariance()

    @property
    def features(self) -> Float32:
        """All features (N, F) in the images' order; ValueError where they were not asked for."""
        return _asked(self._features, "features").joined()

    @property
    def logits(self) -> Float32:
        """All logits (N, K) in the images' order; ValueError where they were not asked for."""
        return _asked(self._logits, "logits").joined()

    @property
    def ode_errors(self) -> Float64:
        """Mean squares over the pixels of all images less their fine solutions, (N,); ValueError as the others."""
        return np.concatenate(_asked(self._ode_errors, "ode_errors"))


class _Rows:
    """Rows (n, width) that become one array."""

    def __init__(self, width: int) -> None:
        self._parts: list[Float32] = [np.empty((0, width), np.float32)]

    def add(self, rows: Float32) -> None:
        width = self._parts[0].shape[1]
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ValueError(f"rows of shape {rows.shape}: must be (n, {width})")
        # A copy: the caller may fill the same memory again.
        self._parts.append(np.array(rows, np.float32))

    def joined(self) -> Float32:
        if len(self._parts) > 1:
            # Once: several metrics may ask, and there is no room for all parts and the whole.
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


def _asked(found: T | None, need: str) -> T:
    if found is None:
        raise ValueError(f"{need} were not asked for; a metric says so in its needs")
    return found
