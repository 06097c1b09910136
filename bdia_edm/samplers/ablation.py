"""The ablation sampler of Karras et al. 2022 (arXiv 2206.00364, section 3 and Table 1).

It integrates dx/dt = (sigma'/sigma + s'/s) x - (sigma' s/sigma) D(x/s; sigma) for any schedule sigma(t), scaling
s(t), discretization and solver. heun, edm, linear, none is the EDM sampler.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.models.preconditioning import iddpm_levels
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.edm import Noise, churn
from bdia_edm.samplers.time_steps import edm_levels, noise_range

__all__ = ["DISCRETIZATIONS", "SCALINGS", "SCHEDULES", "SOLVERS", "Schedule", "ablation", "ablation_time_steps"]

SOLVERS = ("heun", "euler")
DISCRETIZATIONS = ("edm", "vp", "ve", "iddpm")
SCHEDULES = ("linear", "vp", "ve")
SCALINGS = ("none", "vp")
_EPSILON_S = 1e-3
_Function = Callable[[Tensor], Tensor]


class Schedule(NamedTuple):
    """sigma(t), its derivative by t, and its inverse."""

    sigma: _Function
    derivative: _Function
    inverse: _Function


def _vp_schedule(beta_d: float, beta_min: float) -> Schedule:
    def sigma(t: Tensor) -> Tensor:
        return ((beta_d * t**2 / 2 + beta_min * t).exp() - 1).sqrt()

    def derivative(t: Tensor) -> Tensor:
        return (beta_min + beta_d * t) / 2 * (sigma(t) + 1 / sigma(t))

    def inverse(level: Tensor) -> Tensor:
        return ((beta_min**2 + 2 * beta_d * (level**2 + 1).log()).sqrt() - beta_min) / beta_d

    return Schedule(sigma, derivative, inverse)


_VE = Schedule(torch.sqrt, lambda t: 1 / (2 * t.sqrt()), torch.square)
_LINEAR = Schedule(lambda t: t, torch.ones_like, lambda level: level)


def _levels(discretization: str, num_steps: int, low: float, high: float, rho: float, vp: Schedule) -> Tensor:
    """The noise levels from ``high`` down to ``low``, (num_steps,) float64."""
    i = torch.arange(num_steps, dtype=torch.float64) / (num_steps - 1)
    if discretization == "vp":
        return vp.sigma(1 + i * (_EPSILON_S - 1))
    if discretization == "ve":
        return (high**2 * (low**2 / high**2) ** i).sqrt()
    if discretization == "iddpm":
        u = iddpm_levels(0.001, 0.008, 1000, torch.float64)
        u = u[(u >= low) & (u <= high)]
        if not len(u):
            return u
        return u[((len(u) - 1) * i).round().to(torch.int64)]
    return edm_levels(num_steps, low, high, rho)


def ablation_time_steps(
    denoiser: BatchDenoiser,
    num_steps: int,
    *,
    sigma_min: float | None,
    sigma_max: float | None,
    rho: float,
    discretization: str,
    schedule: str,
) -> tuple[Tensor, Schedule]:
    """The time steps t_0..t_N = 0, (N + 1,) float64 on the CPU, and the schedule they are times of.

    Raises:
        UserError: the range is empty, or the discretization or the schedule is undefined on it.
    """
    default_vp = _vp_schedule(19.9, 0.1)
    default = {
        "vp": tuple(default_vp.sigma(torch.tensor([_EPSILON_S, 1.0], dtype=torch.float64)).tolist()),
        "ve": (0.02, 100.0),
        "iddpm": (0.002, 81.0),
        "edm": (0.002, 80.0),
    }[discretization]
    low, high = noise_range(denoiser, sigma_min, sigma_max, default)

    # VP's betas, fitted to the range in use.
    beta_d = 2 * (math.log(low**2 + 1) / _EPSILON_S - math.log(high**2 + 1)) / (_EPSILON_S - 1)
    vp = _vp_schedule(beta_d, math.log(high**2 + 1) - beta_d / 2)
    chosen = {"vp": vp, "ve": _VE, "linear": _LINEAR}[schedule]
    levels = _levels(discretization, num_steps, low, high, rho, vp)
    time_steps = torch.cat([chosen.inverse(denoiser.round_sigma(levels)), torch.zeros(1, dtype=torch.float64)])
    needs_vp = "vp" in (discretization, schedule)
    if not len(levels) or not time_steps.isfinite().all() or (needs_vp and beta_d <= 0):
        raise UserError(
            f"sampler.sigma_min={low:g}, sampler.sigma_max={high:g}: discretization={discretization} with "
            f"schedule={schedule} is undefined on this range; widen it"
        )
    return time_steps, chosen


def ablation(
    denoiser: BatchDenoiser,
    latents: Tensor,
    num_steps: int,
    *,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 7.0,
    solver: str = "heun",
    discretization: str = "edm",
    schedule: str = "linear",
    scaling: str = "none",
    S_churn: float = 0.0,
    S_min: float = 0.0,
    S_max: float = math.inf,
    S_noise: float = 1.0,
    noise: Noise | None = None,
) -> Tensor:
    """Images (N, C, H, W) float64 from standard normal latents of that shape.

    Args:
        num_steps: N, at least 2; evaluations: 2N - 1 (heun) or N (euler).
        sigma_min, sigma_max: the range of noise levels, by default that of the discretization, clipped to the
            network's own.
        solver, discretization, schedule, scaling: one of SOLVERS, DISCRETIZATIONS, SCHEDULES, SCALINGS.
        S_churn, S_min, S_max, S_noise, noise: as in ``edm``.
    """
    time_steps, (sigma, sigma_derivative, sigma_inverse) = ablation_time_steps(
        denoiser,
        num_steps,
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        rho=rho,
        discretization=discretization,
        schedule=schedule,
    )

    def s(t: Tensor) -> Tensor:
        return (1 + sigma(t) ** 2).rsqrt() if scaling == "vp" else torch.ones_like(t)

    def s_derivative(t: Tensor) -> Tensor:
        return -sigma(t) * sigma_derivative(t) * s(t) ** 3 if scaling == "vp" else torch.zeros_like(t)

    def gradient(x: Tensor, t: Tensor) -> Tensor:
        rate = sigma_derivative(t) / sigma(t)
        return (rate + s_derivative(t) / s(t)) * x - rate * s(t) * denoiser(x / s(t), sigma(t))

    x = latents.to(torch.float64) * (sigma(time_steps[0]) * s(time_steps[0]))
    for i, (t, t_next) in enumerate(denoiser.steps(time_steps)):
        t_hat = t
        if S_churn > 0:
            assert noise is not None
            raised = 1 + churn(S_churn, S_min, S_max, num_steps, sigma(t))
            t_hat = sigma_inverse(denoiser.round_sigma(raised * sigma(t)))
            spread = (sigma(t_hat) ** 2 - sigma(t) ** 2).clip(min=0).sqrt() * s(t_hat)
            x = s(t_hat) / s(t) * x + spread * S_noise * noise()
        h = t_next - t_hat
        d = gradient(x, t_hat)
        if solver == "heun" and i < num_steps - 1:
            d = (d + gradient(x + h * d, t_next)) / 2
        x = x + h * d
    return x
