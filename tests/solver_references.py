"""The reference trajectories of solvers: on a mixture with diagonal covariances, exactly denoised, and on a network."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bdia_edm.api import trajectory
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.sampler import Sampler
from tests.references import REFERENCE, build

CASES: dict[str, dict[str, dict[str, Any]]] = json.loads((REFERENCE / "solvers" / "cases.json").read_text())
_NOTES = ("nfe", "made_by", "states", "float32_difference")
_SCALINGS = {"s1": "none", "vp": "vp"}


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


@cache
def reference_arrays(file: str) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in np.load(REFERENCE / "solvers" / f"{file}.npz").items()}


def diagonal_mixture() -> DiagonalMixture:
    arrays = reference_arrays("mixture")
    return DiagonalMixture(arrays["means"], arrays["variances"], arrays["weights"])


def sampler_of(file: str, case: str) -> Sampler:
    """The case's sampler: the reference's names of three things differ, and what it does not say is off there."""
    settings = {name: value for name, value in CASES[file][case].items() if name not in _NOTES}
    name = settings.pop("solver")
    if "scale" in settings:
        settings["scaling"] = _SCALINGS[settings.pop("scale")]
    if name == "bdia_euler":
        return make_sampler("bdia", {"integrator": "euler", "backward": "euler", **settings})
    if name not in ("obelm", "edict", "rex"):
        settings.setdefault("denoise_to_zero", False)
    return make_sampler(name, settings)


def check_case(file: str, case: str) -> None:
    """Every state, time and the number of evaluations are the reference's."""
    arrays = reference_arrays(file)
    labels = None
    if file == "mixture":
        denoiser: Any = diagonal_mixture()
    else:
        denoiser = build(file)
        labels = torch.eye(denoiser.label_dim)[arrays["labels"]]
    way = trajectory(denoiser, sampler_of(file, case), arrays["latents"], labels)
    expected = arrays[case]
    largest = float(expected.abs().max())
    if file == "mixture":
        tolerance = 1e-9 * max(1.0, largest)
    else:
        tolerance = 1e-4 * largest if CASES[file][case]["solver"] == "edict" else 2e-5
    states = torch.stack(way.states, 1 if way.states[0].ndim == 5 else 0)
    if CASES[file][case].get("states") == "last":
        states = states[-1:]
    torch.testing.assert_close(states, expected, rtol=0, atol=tolerance)
    # The reference has the times that its steps start from and end at; denoising to 0 is none there.
    steps_to = [*arrays[f"{case}__t"].tolist(), *([0.0] if CASES[file][case].get("denoise_to_zero") else [])]
    # Where exp(...) - 1 is about 4e-6 one rounding is 2e-11 of the lowest level.
    np.testing.assert_allclose(way.times, steps_to, rtol=1e-10, atol=0)
    assert way.nfe == CASES[file][case]["nfe"]
