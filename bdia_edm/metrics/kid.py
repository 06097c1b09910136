"""The kernel Inception distance: the squared maximum mean discrepancy with a cubic kernel.

    KID = mean over i ≠ j of k(x_i, x_j) + the same of y - 2 mean of k(x_i, y_j),  k(x, y) = (xᵀy/F + 1)³

Unbiased, so it may be negative, and says the same of any number of images. Bińkowski et al. 2018 (arXiv 1801.01401).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.kernel_sums import pair_sums
from bdia_edm.metrics.metric import METRICS, REFERENCE_FEATURES, FeatureSpace, Metric
from bdia_edm.metrics.reference import Reference

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Kid", "kid", "kid_standard_error"]

Rows = NDArray[np.floating]
_BLOCKS = 10
_SEED = 2020


@METRICS.add("kid")
class Kid(Metric):
    """The kernel distance of the features from the data's, over all rows of both, with its standard error."""

    name = "kid"
    needs = frozenset({"features", REFERENCE_FEATURES})

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        x, y, name = findings.features, reference.features, space.figure_name(self.name)
        figures = {name: kid(x, y)}
        if min(len(x), len(y)) >= 2 * _BLOCKS:
            random = np.random.RandomState(_SEED)
            order_x, order_y = random.permutation(len(x)), random.permutation(len(y))
            figures[f"{name}_se"] = kid_standard_error(x[order_x], y[order_y])
        return figures


def kid(x: Rows, y: Rows) -> float:
    """The unbiased estimate from all rows of x (N, F) and y (M, F), in float64."""
    return pair_sums(x, y, _cubic).unbiased


def kid_standard_error(x: Rows, y: Rows, blocks: int = _BLOCKS) -> float:
    """The standard error of the mean of the estimates of disjoint blocks of rows.

    That mean spreads more than the estimate from all rows: as much where the sets differ, up to √blocks times where
    they are alike. So the error is on the safe side.

    Args:
        x, y: (N, F) and (M, F), in random order, each in its own: blocks of sorted rows are no samples of the set.
        blocks: into how many both are cut, as equal as can be; two rows or more in each.
    """
    parts = zip(np.array_split(x, blocks), np.array_split(y, blocks), strict=True)
    estimates = [kid(one, other) for one, other in parts]
    return float(np.std(estimates, ddof=1)) / math.sqrt(blocks)


def _cubic(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3
