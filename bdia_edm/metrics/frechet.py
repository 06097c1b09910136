"""The Fréchet distance of two Gaussians.

    d² = |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^½)

With S1 = F Fᵀ the eigenvalues of S1 S2 are those of the symmetric Fᵀ S2 F (or zero), so the trace of the square root
is the sum of their square roots: no matrix square root, which is slow and fails for singular covariances. Dowson and
Landau 1982; with Inception-v3 features it is the FID of Heusel et al. 2017 (arXiv 1706.08500).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.factors import factor_of
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.jackknife import FEWEST_IMAGES
from bdia_edm.metrics.metric import METRICS, FeatureSpace, Metric, Rows
from bdia_edm.metrics.one_thread import one_thread
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.uncertainty import Uncertainty, uncertainty_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Frechet", "frechet_distance"]


@METRICS.add("frechet")
class Frechet(Metric):
    """The distance of the features' Gaussian from the data's."""

    name = "frechet"
    needs = frozenset({"moments"})

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        distance = frechet_distance(*findings.moments, reference.mean, reference.covariance)
        return {space.distance_name: distance}

    def uncertainty(
        self, findings: Findings, reference: Reference, space: FeatureSpace, rows: Rows
    ) -> dict[str, Uncertainty]:
        if findings.num < FEWEST_IMAGES:
            return {}
        return {space.distance_name: uncertainty_of(rows(), findings.num, *findings.moments, reference)}


def frechet_distance(
    mean1: NDArray[np.float64], cov1: NDArray[np.float64], mean2: NDArray[np.float64], cov2: NDArray[np.float64]
) -> float:
    """The squared Fréchet distance, as it is always reported, of N(mean1, cov1) and N(mean2, cov2).

    Args:
        mean1, mean2: (F,).
        cov1, cov2: (F, F), symmetric positive semi-definite; singular ones are handled exactly.
    """
    # Copies: libraries may round unaligned memory differently.
    s1, s2 = (torch.tensor(np.asarray(cov, dtype=np.float64)) for cov in (cov1, cov2))
    with one_thread():
        return _distance(torch.tensor(np.asarray(mean1, np.float64) - np.asarray(mean2, np.float64)), s1, s2)


def _distance(difference: Tensor, s1: Tensor, s2: Tensor) -> float:
    f1, f2 = factor_of(s1), factor_of(s2)
    # The thinner factor keeps the null space of a singular covariance out of the eigenvalues, where its rounding
    # errors would come in under a square root.
    product = f1.T @ s2 @ f1 if f1.shape[1] <= f2.shape[1] else f2.T @ s1 @ f2
    trace_of_root = torch.linalg.eigvalsh(product).clip(min=0).sqrt().sum()
    squared = float(difference @ difference + s1.trace() + s2.trace() - 2 * trace_of_root)
    # Of equal Gaussians rounding may leave less than nothing.
    return max(squared, 0.0)
