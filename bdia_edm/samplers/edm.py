"""The EDM sampler: Karras et al. 2022 (arXiv 2206.00364), Algorithm 2; without churn it is Algorithm 1."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.integrators import Integrator, heun

__all__ = ["Noise", "churn", "edm"]

Noise = Callable[[], Tensor]
"""Standard normal noise of the state's shape and type, new at every call."""


def churn(S_churn: float, S_min: float, S_max: float, num_steps: int, sigma: Tensor) -> float:
    """gamma_i of Algorithm 2: by how much the noise level rises before a step from ``sigma``."""
    return min(S_churn / num_steps, math.sqrt(2) - 1) if S_min <= sigma <= S_max else 0.0


def edm(
    denoiser: BatchDenoiser,
    x: Tensor,
    time_steps: Tensor,
    *,
    integrator: Integrator = heun,
    S_churn: float = 0.0,
    S_min: float = 0.0,
    S_max: float = math.inf,
    S_noise: float = 1.0,
    noise: Noise | None = None,
) -> Tensor:
    """Integrates from time_steps[0] to 0.

    Args:
        x: the state at time_steps[0], (N, C, H, W) float64.
        time_steps: t_0 > ... > t_N = 0, (N + 1,) float64, on the CPU: reading them must not wait for a GPU.
        integrator: heun for EDM (2N - 1 evaluations), euler for DDIM (N).
        S_churn, S_min, S_max, S_noise: the stochastic part; with S_churn > 0 ``noise`` is drawn at every step.

    Returns:
        The images, (N, C, H, W) float64.
    """
    num_steps = len(time_steps) - 1
    for t, t_next in denoiser.steps(time_steps):
        t_hat = t
        if S_churn > 0:
            assert noise is not None
            t_hat = denoiser.round_sigma(t + churn(S_churn, S_min, S_max, num_steps, t) * t)
            # A network of discrete levels may round t_hat to below t.
            x = x + (t_hat**2 - t**2).clip(min=0).sqrt() * S_noise * noise()
        x = x + integrator(denoiser, x, gradient(denoiser, x, t_hat), t_hat, t_next)
    return x
