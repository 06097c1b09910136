"""The influence function of the Fréchet distance: what each image does to it, and so its standard error from one pass.

F(m, S), the distance from N(m_r, S_r), has at the image x_k the derivative

    f_k = 2 (x_k - m)ᵀ(m - m_r) + (x_k - m)ᵀ G (x_k - m) - tr(G S),   G = I - S_r^½ (S_r^½ S S_r^½)^(-½) S_r^½

(mean 0), and the variance var(f)/N; that of a difference of two samplers on the same seeds is var(f^B - f^A)/N.
With any factor S_r = R Rᵀ and the eigenvectors and eigenvalues Rᵀ S R = V L Vᵀ,

    G = I - B Bᵀ,   B = R V L^(-¼),

so no matrix square root is taken, and directions that either covariance lacks are left out of B.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.factors import factor_of, negligible_eigenvalue
from bdia_edm.metrics.one_thread import one_thread

__all__ = ["Influence", "influence"]

Float64 = NDArray[np.float64]
_CHUNK = 512


class Influence:
    """The influence function of the distance of N(mean, covariance) from N(reference_mean, reference_covariance).

    Args:
        mean, reference_mean: (F,).
        covariance, reference_covariance: (F, F), symmetric positive semi-definite; singular ones too.
    """

    def __init__(
        self, mean: Float64, covariance: Float64, reference_mean: Float64, reference_covariance: Float64
    ) -> None:
        self._mean = np.asarray(mean, np.float64)
        self._difference = self._mean - np.asarray(reference_mean, np.float64)
        with one_thread():
            # In place: of 2,048 features every matrix takes 34 MB.
            factor = factor_of(torch.tensor(np.asarray(reference_covariance, np.float64)))
            product = factor.T @ torch.tensor(np.asarray(covariance, np.float64)) @ factor
            negligible = negligible_eigenvalue(product)
            values, vectors = torch.linalg.eigh(product)
            del product
            keep = values > negligible
            vectors = vectors.mul_(values.clip(min=negligible) ** -0.25)
            self._b = factor @ (vectors if keep.all() else vectors[:, keep])

    def __call__(self, rows: NDArray[np.floating]) -> Float64:
        """Of images' features (n, F) the numbers f_k (n,), but for a constant that all images share."""
        centred = torch.tensor(np.asarray(rows, np.float64) - self._mean)
        with one_thread():
            return (
                2 * (centred @ torch.from_numpy(self._difference))
                + centred.square().sum(1)
                - (centred @ self._b).square().sum(1)
            ).numpy()


def influence(
    features: NDArray[np.floating],
    mean: Float64,
    covariance: Float64,
    reference_mean: Float64,
    reference_covariance: Float64,
) -> Float64:
    """The numbers f_k (N,) of all images, mean 0.

    Args:
        features: (N, F); 512 rows at a time are copied to float64.
        mean, covariance: of these features; see ``Influence``.
    """
    function = Influence(mean, covariance, reference_mean, reference_covariance)
    found = np.concatenate([function(features[start : start + _CHUNK]) for start in range(0, len(features), _CHUNK)])
    return found - found.mean()
