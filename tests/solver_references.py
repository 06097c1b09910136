"""The reference trajectories of solvers on a mixture with diagonal covariances, and its exact denoiser."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bdia_edm.engine.trajectory import trajectory
from bdia_edm.samplers.registry import make_sampler
from tests.references import REFERENCE

CASES: dict[str, dict[str, Any]] = json.loads((REFERENCE / "solvers" / "cases.json").read_text())


class DiagonalMixture:
    """D(x; t) = sum_k p_k (m_k + v_k/(v_k + t²) (x - m_k)), p_k ∝ w_k N(x; m_k, v_k + t²)."""

    img_resolution, img_channels, label_dim = 4, 3, 0
    sigma_min, sigma_max = 0.0, math.inf

    def __init__(self, means: Tensor, variances: Tensor, weights: Tensor) -> None:
        self.means, self.variances, self.weights = means, variances, weights

    def __call__(self, x: Tensor, sigma: Tensor | float, class_labels: Tensor | None = None) -> Tensor:
        offset = x.flatten(1)[:, None] - self.means
        variance = self.variances + sigma**2
        p = (self.weights.log() - (offset**2 / variance + variance.log()).sum(-1) / 2).softmax(1)
        denoised = p[..., None] * (self.means + self.variances / variance * offset)
        return denoised.sum(1).reshape(x.shape)

    def round_sigma(self, sigma: Tensor) -> Tensor:
        return sigma


def check_case(case: str) -> None:
    """Every state, time and the number of evaluations are the reference's."""
    reference = {
        name: torch.from_numpy(array) for name, array in np.load(REFERENCE / "solvers" / "mixture.npz").items()
    }
    denoiser = DiagonalMixture(reference["means"], reference["variances"], reference["weights"])
    settings = {name: value for name, value in CASES[case].items() if name not in ("sampler", "nfe", "made_by")}
    way = trajectory(denoiser, make_sampler(CASES[case]["sampler"], settings), reference["latents"])
    expected = reference[case]
    np.testing.assert_allclose(way.times, reference[f"{case}__t"], rtol=1e-12, atol=0)
    tolerance = 1e-9 * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(torch.stack(way.states), expected, rtol=0, atol=tolerance)
    assert way.nfe == CASES[case]["nfe"]
