"""The samplers by name: their options, checked, and how to run them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import read_options, require
from bdia_edm.samplers.ablation import DISCRETIZATIONS, SCALINGS, SCHEDULES, SOLVERS, ablation, ablation_time_steps
from bdia_edm.samplers.bdia import BACKWARDS, bdia
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.edm import Noise, edm
from bdia_edm.samplers.integrators import INTEGRATORS, euler
from bdia_edm.samplers.time_steps import edm_time_steps

__all__ = ["SAMPLERS", "Sampler", "make_sampler"]


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """What all samplers take. A sampler makes images from standard normal latents.

    Args:
        num_steps: N, at least 2.
        sigma_min, sigma_max: the range of noise levels; None is the sampler's default range. Both are clipped to
            the network's.
        rho: exponent of the time steps.
    """

    name: ClassVar[str]
    num_steps: int
    sigma_min: float | None = None
    sigma_max: float | None = None
    rho: float = 7.0

    def __post_init__(self) -> None:
        require(self.num_steps >= 2, "sampler.num_steps", self.num_steps, "at least 2")
        for option in ("sigma_min", "sigma_max"):
            value = getattr(self, option)
            require(value is None or 0 < value < math.inf, f"sampler.{option}", value, "above 0 and finite")
        if self.sigma_min is not None and self.sigma_max is not None:
            require(self.sigma_min < self.sigma_max, "sampler.sigma_min", self.sigma_min, "below sampler.sigma_max")
        # Beyond these the levels leave floating point or lie on top of each other.
        require(0.1 <= self.rho <= 1000, "sampler.rho", self.rho, "from 0.1 to 1000")

    @property
    def title(self) -> str:
        """What pictures call it."""
        return self.name.upper()

    @property
    def columns(self) -> dict[str, str | float]:
        """Options that have columns of their own in tables."""
        names = ("backward", "gamma")
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    @property
    def label(self) -> str:
        """The name and every option that is not its default, less the steps and ``columns``."""
        churned = getattr(self, "S_churn", 0) > 0
        told = [
            f"{each.name}={getattr(self, each.name)}"
            for each in fields(self)
            if each.name not in ("num_steps", *self.columns)
            and getattr(self, each.name) != each.default
            and (churned or not each.name.startswith("S_"))
        ]
        return " ".join([self.name, *told])

    @property
    def is_baseline(self) -> bool:
        """Whether others are compared with it."""
        return self.label == "edm"

    def options(self) -> dict[str, Any]:
        """All options, as plain values."""
        return asdict(self)

    def sample(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Tensor:
        """Latents (N, C, H, W) to images (N, C, H, W) float64; ``noise`` draws a stochastic sampler's noise."""
        time_steps = edm_time_steps(denoiser, self.num_steps, self.sigma_min, self.sigma_max, self.rho)
        return self.integrate(denoiser, latents.to(torch.float64) * time_steps[0], time_steps, noise)

    def integrate(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Tensor, noise: Noise) -> Tensor:
        """From the state x at time_steps[0] to the images."""
        raise AssertionError(f"{type(self).__name__} integrates nothing")

    def check_range(self, denoiser: BatchDenoiser) -> None:
        """Raises UserError where the network knows no noise level of the range."""
        edm_time_steps(denoiser, self.num_steps, self.sigma_min, self.sigma_max, self.rho)


@dataclass(frozen=True, kw_only=True)
class _Stochastic(Sampler):
    """The options of EDM's churn."""

    S_churn: float = 0.0
    S_min: float = 0.0
    S_max: float = math.inf
    S_noise: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.S_churn < math.inf, "sampler.S_churn", self.S_churn, "0 or more")
        require(self.S_min >= 0, "sampler.S_min", self.S_min, "0 or more")
        require(self.S_max >= self.S_min, "sampler.S_max", self.S_max, f"at least S_min, {self.S_min:g}")
        require(0 <= self.S_noise < math.inf, "sampler.S_noise", self.S_noise, "0 or more")


@dataclass(frozen=True, kw_only=True)
class EDMSampler(_Stochastic):
    """EDM's Heun sampler with churn."""

    name = "edm"

    def integrate(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Tensor, noise: Noise) -> Tensor:
        return edm(
            denoiser,
            x,
            time_steps,
            S_churn=self.S_churn,
            S_min=self.S_min,
            S_max=self.S_max,
            S_noise=self.S_noise,
            noise=noise,
        )


@dataclass(frozen=True, kw_only=True)
class EulerSampler(Sampler):
    """Euler's method on EDM's time steps: DDIM."""

    name = "euler"

    def integrate(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Tensor, noise: Noise) -> Tensor:
        return edm(denoiser, x, time_steps, integrator=euler)


@dataclass(frozen=True, kw_only=True)
class BDIASampler(Sampler):
    """BDIA over an integrator."""

    name = "bdia"
    gamma: float
    integrator: str = "heun"
    backward: str = "euler"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.gamma <= 1, "sampler.gamma", self.gamma, "in [0, 1]")
        _require_one_of(self, integrator=tuple(INTEGRATORS), backward=BACKWARDS)

    def integrate(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Tensor, noise: Noise) -> Tensor:
        integrator = INTEGRATORS[self.integrator]
        return bdia(denoiser, x, time_steps, gamma=self.gamma, integrator=integrator, backward=self.backward)


@dataclass(frozen=True, kw_only=True)
class AblationSampler(_Stochastic):
    """The general sampler of the EDM paper's ablations."""

    name = "ablation"
    solver: str = "heun"
    discretization: str = "edm"
    schedule: str = "linear"
    scaling: str = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_one_of(self, solver=SOLVERS, discretization=DISCRETIZATIONS, schedule=SCHEDULES, scaling=SCALINGS)

    def check_range(self, denoiser: BatchDenoiser) -> None:
        ablation_time_steps(
            denoiser,
            self.num_steps,
            sigma_min=self.sigma_min,
            sigma_max=self.sigma_max,
            rho=self.rho,
            discretization=self.discretization,
            schedule=self.schedule,
        )

    def sample(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Tensor:
        return ablation(denoiser, latents, noise=noise, **asdict(self))


SAMPLERS: dict[str, type[Sampler]] = {cls.name: cls for cls in (EDMSampler, EulerSampler, BDIASampler, AblationSampler)}


def make_sampler(name: str, options: Mapping[str, Any]) -> Sampler:
    """The sampler ``name`` with its options.

    Raises:
        UserError: the sampler or an option is unknown, missing or out of range, or the options do not go together.
    """
    require(name in SAMPLERS, "sampler", name, f"one of {', '.join(SAMPLERS)}")
    churn = [option for option in options if option.startswith("S_")]
    if churn and not issubclass(SAMPLERS[name], _Stochastic):
        raise UserError(
            f"sampler.{churn[0]}={options[churn[0]]}: undefined for {name}, which is deterministic; "
            "sampler=edm and sampler=ablation take it"
        )
    return read_options(SAMPLERS[name], options, "sampler")


def _require_one_of(sampler: Sampler, **allowed: tuple[str, ...]) -> None:
    for option, names in allowed.items():
        got = getattr(sampler, option)
        require(got in names, f"sampler.{option}", got, f"one of {', '.join(names)}")
