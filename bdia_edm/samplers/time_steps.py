"""Noise levels by schedule: EDM's time steps (Karras et al. 2022, equation 5), and the two others of fast solvers.

They are computed as float64 tensors on the CPU and then read out: Python's own powers and roots round differently, and
would move images by their last bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import torch
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.vp_schedule import fitted_betas, vp_levels, vp_schedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DEFAULT_RANGE", "SCHEDULES", "edm_levels", "edm_time_steps", "noise_levels", "noise_range"]

SCHEDULES = ("polynomial", "logsnr", "time_uniform")

DEFAULT_RANGE = (0.002, 80.0)
"""sigma_min and sigma_max, as far as the network goes."""


def noise_range(
    denoiser: BatchDenoiser, sigma_min: float | None, sigma_max: float | None, default: tuple[float, float]
) -> tuple[float, float]:
    """The range of noise levels asked for, or else the default one, within what the network knows.

    Raises:
        UserError: nothing is left of the range.
    """
    low = max(default[0] if sigma_min is None else sigma_min, denoiser.sigma_min)
    high = min(default[1] if sigma_max is None else sigma_max, denoiser.sigma_max)
    if not low < high:
        raise UserError(
            f"sampler.sigma_min={low:g}, sampler.sigma_max={high:g}: the range is empty; this network takes noise "
            f"levels from {denoiser.sigma_min:g} to {denoiser.sigma_max:g}"
        )
    return low, high


def edm_time_steps(
    denoiser: BatchDenoiser,
    num_steps: int,
    sigma_min: float | None = None,
    sigma_max: float | None = None,
    rho: float = 7.0,
) -> list[float]:
    """t_i = (sigma_max^(1/rho) + i/(N-1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho for i < N, and t_N = 0.

    Args:
        num_steps: N, at least 2: with N = 1 there is no such grid.
        sigma_min, sigma_max: the range, by default 0.002 to 80, clipped to the network's own.

    Returns:
        N + 1 levels, falling, each one that the network knows.
    """
    low, high = noise_range(denoiser, sigma_min, sigma_max, DEFAULT_RANGE)
    return [*denoiser.round_sigma(edm_levels(num_steps, low, high, rho)).tolist(), 0.0]


def edm_levels(num_steps: int, low: float, high: float, rho: float) -> Tensor:
    """EDM's noise levels from ``high`` down to ``low``, (num_steps,) float64 on the CPU."""
    i = torch.arange(num_steps, dtype=torch.float64, device="cpu")
    return (high ** (1 / rho) + i / (num_steps - 1) * (low ** (1 / rho) - high ** (1 / rho))) ** rho


def noise_levels(schedule: str, num_steps: int, low: float, high: float, rho: float) -> Tensor:
    """The noise levels from ``high`` down to ``low``, (num_steps,) float64 on the CPU.

    Args:
        schedule: 'polynomial', EDM's; 'logsnr', even in lambda = -ln t, without rho; 'time_uniform', even in the
            rho-th root of the variance-preserving time that has this range.

    Raises:
        UserError: the range is too narrow for ``time_uniform``.
    """
    if schedule == "logsnr":
        i = torch.arange(num_steps, dtype=torch.float64, device="cpu")
        return high * (low / high) ** (i / (num_steps - 1))
    if schedule == "time_uniform":
        beta_d, beta_min = fitted_betas(low, high)
        levels = vp_levels(num_steps, vp_schedule(beta_d, beta_min), rho)
        if beta_d <= 0 or not levels.isfinite().all():
            raise UserError(
                f"sampler.sigma_min={low:g}, sampler.sigma_max={high:g}: schedule={schedule} is undefined on this "
                "range; widen it"
            )
        return levels
    return edm_levels(num_steps, low, high, rho)
