"""What every sampler is: checked options, and the way from latents to images, state by state.

A sampler is one module of this package: a solver, which reads like its paper and yields the state after every step,
and a dataclass of the options, which ``registry.SAMPLERS`` knows by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from bdia_edm.base.late_torch import torch
from bdia_edm.base.options import check_ranges, option, require
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.time_steps import edm_time_steps

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LEAST_LEVEL", "MOST_LEVEL", "EDMStepsSampler", "Noise", "Sampler"]

LEAST_LEVEL, MOST_LEVEL = 1e-30, 1e30
"""Of noise, which networks take in float32."""

Noise = Callable[[], "Tensor"]
"""Standard normal noise (N, C, H, W), float64, new at every call."""


@dataclass(frozen=True, kw_only=True)
class Sampler(ABC):
    """What all samplers take. A sampler makes images from standard normal latents.

    Attributes:
        name: how the user chooses it.
        title: what pictures and tables call it; '' is its name.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    num_steps: int = option(words="number of steps N", default_words="the model's", low=2, high=1_000_000)
    sigma_min: float | None = option(
        None,
        words="lowest noise level, as far as the network goes",
        default_words="0.002, or the discretization's",
        low=LEAST_LEVEL,
        high=MOST_LEVEL,
    )
    sigma_max: float | None = option(
        None,
        words="highest noise level, as far as the network goes",
        default_words="80, or the discretization's",
        low=LEAST_LEVEL,
        high=MOST_LEVEL,
    )
    # Beyond these the levels leave floating point or lie on top of each other.
    rho: float = option(
        7.0,
        words="exponent of the time steps; higher is finer at low noise",
        default_words="7; deis: 2",
        low=0.1,
        high=1000,
    )

    def __post_init__(self) -> None:
        check_ranges(self, "sampler")
        if self.sigma_min is not None and self.sigma_max is not None:
            require(self.sigma_min < self.sigma_max, "sampler.sigma_min", self.sigma_min, "below sampler.sigma_max")

    @property
    def columns(self) -> dict[str, str | float]:
        """Options that have columns of their own in tables."""
        return {}

    @property
    def idle(self) -> tuple[str, ...]:
        """Options that do nothing beside the others' values."""
        return ()

    @property
    def label(self) -> str:
        """The name and every option that is not its default, less the steps, ``columns`` and ``idle``."""
        told = {"num_steps", *self.columns, *self.idle}
        parts = [self.name]
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name not in told and value != each.default:
                listed = isinstance(value, tuple)
                parts.append(f"{each.name}={'[' + ','.join(map(str, value)) + ']' if listed else value}")
        return " ".join(parts)

    @property
    def is_stochastic(self) -> bool:
        """Whether noise is drawn on the way, so that no solution of the ODE is what the images should be."""
        return False

    @property
    def is_baseline(self) -> bool:
        """Whether others are compared with it."""
        return False

    def options(self) -> dict[str, Any]:
        """All options, as plain values."""
        return asdict(self)

    def state_scale(self, level: float) -> float:
        """s of the states at a noise level: a state is s times an image with noise of that level."""
        return 1.0

    @abstractmethod
    def check_range(self, denoiser: BatchDenoiser) -> None:
        """Raises UserError where the sampler is undefined on the network's noise levels."""

    @abstractmethod
    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        """The noise level and the state (N, C, H, W) float64 at the start and after every step; the last is the image.

        States that are pairs have a leading axis of 2.

        Every level is a Python float, computed before the first step: no step may wait for the device.

        Args:
            latents: standard normal (N, C, H, W), on the network's device.
            noise: draws a stochastic sampler's noise; the others do not call it.

        Raises:
            UserError: as ``check_range``.
        """

    def sample(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Tensor:
        """Latents to images (N, C, H, W) float64: the trajectory's last state."""
        for _, x in self.trajectory(denoiser, latents, noise):
            image = x
        return image


class EDMStepsSampler(Sampler):
    """A sampler on EDM's time steps: a subclass gives ``solve`` alone."""

    @abstractmethod
    def solve(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float], noise: Noise) -> Iterator[Tensor]:
        """The state after every step, from x (N, C, H, W) float64 at time_steps[0] to the image at time_steps[N]."""

    def time_steps(self, denoiser: BatchDenoiser) -> list[float]:
        """t_0 > ... > t_N = 0; raises UserError where the network knows no noise level of the range."""
        return edm_time_steps(denoiser, self.num_steps, self.sigma_min, self.sigma_max, self.rho)

    def check_range(self, denoiser: BatchDenoiser) -> None:
        self.time_steps(denoiser)

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        time_steps = self.time_steps(denoiser)
        x = latents.to(torch.float64) * time_steps[0]
        yield time_steps[0], x
        yield from zip(time_steps[1:], self.solve(denoiser, x, time_steps, noise), strict=True)
