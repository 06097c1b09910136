"""The squared maximum mean discrepancy with a Gaussian kernel, in the form of CMMD.

    1000 (mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j)),  k(x, y) = exp(-|x - y|²/(2·10²))

The biased estimate, pairs of a row with itself included, which the code of Jayasumana et al. 2024 (arXiv 2401.09603)
returns and published tables hold, though the paper calls it unbiased. Only in CLIP's features of length 1 (ViT-L/14 at
336 pixels) is it CMMD: the kernel's width is of them, and in others most pairs may be far beyond it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.kernel_sums import pair_sums
from bdia_edm.metrics.metric import METRICS, REFERENCE_FEATURES, FeatureSpace, Metric
from bdia_edm.metrics.reference import Reference

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Mmd", "mmd"]

_SIGMA = 10
_SCALE = 1000


@METRICS.add("mmd")
class Mmd(Metric):
    """The Gaussian kernel's distance of the features from the data's, over all rows of both: CMMD's on CLIP's."""

    name = "mmd"
    needs = frozenset({"features", REFERENCE_FEATURES})

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        # Of no detector is it what papers mean by the name.
        return {f"{self.name}_{space.name}": mmd(findings.features, reference.features)}


def mmd(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """The biased estimate times 1,000 from all rows of x (N, F) and y (M, F), in float64."""
    return _SCALE * pair_sums(x, y, _gaussian).biased


def _gaussian(x: Tensor, y: Tensor) -> Tensor:
    squares = x.square().sum(1, keepdim=True) + y.square().sum(1) - 2 * x @ y.T
    return squares.clip(min=0).div(-2 * _SIGMA**2).exp()
