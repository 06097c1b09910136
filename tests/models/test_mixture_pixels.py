"""The exact moments of uint8 pixels: by summing over all levels, and at the ends of the range."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bdia_edm.models.mixture_pixels import pixel_moments

MEANS = np.array([[0.3, -0.5, 0.9], [-0.2, 0.1, -1.4]])
DEVIATIONS, WEIGHTS = np.array([0.05, 0.3]), np.array([0.25, 0.75])


def probabilities() -> np.ndarray:
    """Of each component, pixel and level, (2, 3, 256)."""
    edges = np.concatenate([[-np.inf], (np.arange(1, 256) - 128) / 127.5, [np.inf]])
    return np.diff(norm.cdf(edges, MEANS[..., None], DEVIATIONS[:, None, None]), axis=-1)


def test_by_summing_over_all_pairs_of_levels() -> None:
    mean, covariance = pixel_moments(MEANS, DEVIATIONS, WEIGHTS)
    p, values = probabilities(), np.arange(256) / 127.5 - 1
    np.testing.assert_allclose(mean, np.einsum("k,kfv,v->f", WEIGHTS, p, values), atol=1e-12)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        both = np.einsum("k,kv,kw,v,w->", WEIGHTS, p[:, i], p[:, j], values, values)
        assert covariance[i, j] == pytest.approx(both - mean[i] * mean[j], abs=1e-12)
    squares = np.einsum("k,kfv,v->f", WEIGHTS, p, values**2)
    np.testing.assert_allclose(np.diag(covariance), squares - mean**2, atol=1e-12)


def test_beyond_the_range_all_are_white_or_black() -> None:
    mean, covariance = pixel_moments(np.array([[9.0, -9.0]]), np.array([0.1]), np.array([1.0]))
    np.testing.assert_allclose(mean, [1, -1], atol=1e-12)
    np.testing.assert_allclose(covariance, 0, atol=1e-12)
