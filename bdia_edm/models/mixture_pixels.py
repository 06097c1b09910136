"""The exact mean and covariance of a Gaussian mixture's images once they are uint8, with no sampling in it.

Within a component k the pixels are independent, so all is had from each one's own probabilities of the 256 levels:

    E v_i = Σ_k w_k E_k v_i,    E v_i v_j = Σ_k w_k E_k v_i E_k v_j for i ≠ j,    E v_i² = Σ_k w_k E_k v_i²

Level t or above is where 127.5 x + 128 ≥ t, t from 1 to 255: images are clipped and truncated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["pixel_moments"]

Float64 = NDArray[np.float64]


def pixel_moments(means: Float64, deviations: Float64, weights: Float64) -> tuple[Float64, Float64]:
    """The mean (F,) and covariance (F, F) of pixels v / 127.5 - 1, v = clip(127.5 x + 128, 0, 255) truncated.

    Args:
        means: (K, F), the components', of pixels x in about [-1, 1].
        deviations, weights: (K,).
    """
    levels = np.arange(1, 256)
    edges = (levels - 128) / 127.5
    num = means.shape[1]
    mean, products, squares = np.zeros(num), np.zeros((num, num)), np.zeros(num)
    for m, s, w in zip(means, deviations, weights, strict=True):
        at_least = ndtr((m[:, None] - edges) / s)
        # Taken from the middle: there is less to lose where the covariance is small.
        v = at_least.sum(axis=1) - 127.5
        variance = at_least @ (2 * levels - 1) - at_least.sum(axis=1) ** 2
        mean += w * v
        products += w * np.outer(v, v)
        squares += w * variance
    covariance = products - np.outer(mean, mean) + np.diag(squares)
    return mean / 127.5, covariance / 127.5**2
