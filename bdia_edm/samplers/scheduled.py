"""Samplers whose noise levels the user chooses: a schedule, or a list.

Three kinds derive from it: solvers of the ODE that end at t_{N-1} or go on to 0 (``ODESampler``), methods that mix two
states and step from t_{N-1} to 0 (``ToZeroSampler``), and those that carry a pair of states (``PairSampler``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import torch
from bdia_edm.base.options import option, require
from bdia_edm.samplers.denoising import BatchDenoiser, Denoise, analytic_first_step, gradient
from bdia_edm.samplers.sampler import LEAST_LEVEL, MOST_LEVEL, Noise, Sampler
from bdia_edm.samplers.time_steps import DEFAULT_RANGE, SCHEDULES, noise_levels, noise_range

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ODESampler", "PairSampler", "ScheduledSampler", "ToZeroSampler", "option_of"]


def option_of(kind: Any, name: str, default: Any) -> Any:
    """The option ``name`` of another class, with its words and range, and a default of its own."""
    return field(default=default, metadata=kind.__dataclass_fields__[name].metadata)


@dataclass(frozen=True, kw_only=True)
class ScheduledSampler(Sampler):
    """A sampler on N = num_steps noise levels of a schedule, or on those of a list.

    Attributes:
        repeats: whether it can step between two levels that the network does not tell apart.
    """

    repeats: ClassVar[bool] = True
    num_steps: int | None = option_of(Sampler, "num_steps", None)  # type: ignore[assignment]
    schedule: str = option(
        "polynomial",
        words="the noise levels: EDM's, even in the logarithm, or even in a root of the variance-preserving time",
        one_of=SCHEDULES,
    )
    t_steps: tuple[float, ...] | None = option(
        None, words="the noise levels themselves, falling, a list, in the place of a schedule; num_steps is then null"
    )

    def __post_init__(self) -> None:
        if self.t_steps is not None:
            t = self.t_steps
            falling = all(t > t_next for t, t_next in pairwise(t))
            fit = len(t) > 1 and falling and LEAST_LEVEL <= t[-1] < t[0] <= MOST_LEVEL
            allowed = f"two or more falling levels from {MOST_LEVEL:g} to {LEAST_LEVEL:g}"
            require(fit, "sampler.t_steps", _listed(t), allowed)
            as_many = f"null beside sampler.t_steps, or as many, {len(t)}"
            require(self.num_steps in (None, len(t)), "sampler.num_steps", self.num_steps, as_many)
            for name in ("sigma_min", "sigma_max"):
                require(getattr(self, name) is None, f"sampler.{name}", getattr(self, name), "null beside t_steps")
            object.__setattr__(self, "num_steps", len(t))
        if self.num_steps is None:
            raise UserError("sampler.num_steps: missing")
        super().__post_init__()

    @property
    def idle(self) -> tuple[str, ...]:
        if self.t_steps is not None:
            return (*super().idle, "schedule", "rho")
        return (*super().idle, "rho") if self.schedule == "logsnr" else super().idle

    def levels(self, denoiser: BatchDenoiser) -> list[float]:
        """t_0 > ... > t_{N-1} > 0, each one that the network knows.

        Raises:
            UserError: the network knows no noise level of the range, or not one of the list, or the schedule is
                undefined on the range, or the sampler cannot step between two of them.
        """
        if self.t_steps is not None:
            for t in self.t_steps:
                allowed = f"this network's noise levels, {denoiser.sigma_min:g} to {denoiser.sigma_max:g}"
                require(denoiser.sigma_min <= t <= denoiser.sigma_max, "sampler.t_steps", f"{t:g}", f"within {allowed}")
            levels = torch.tensor(self.t_steps, dtype=torch.float64, device="cpu")
        else:
            assert self.num_steps is not None
            low, high = noise_range(denoiser, self.sigma_min, self.sigma_max, DEFAULT_RANGE)
            levels = noise_levels(self.schedule, self.num_steps, low, high, self.rho)
        known: list[float] = denoiser.round_sigma(levels).tolist()
        if not self.repeats and any(t <= t_next for t, t_next in pairwise(known)):
            raise UserError(
                f"sampler.num_steps={self.num_steps}: two of these noise levels are one to this network, and "
                f"{self.name} divides by their distance; take fewer"
            )
        return known

    def check_range(self, denoiser: BatchDenoiser) -> None:
        self.levels(denoiser)


@dataclass(frozen=True, kw_only=True)
class ODESampler(ScheduledSampler):
    """A solver of dx/dt = (x - D(x; t))/t from t_0 to t_{N-1}: a subclass gives ``solve`` alone."""

    denoise_to_zero: bool = option(
        True,
        words="whether a last evaluation, D(x; t) at the lowest level, goes on to noise level 0, as EDM's last step",
    )
    afs: bool = option(False, words="whether the first gradient is x/sqrt(1 + t²), without an evaluation")

    @abstractmethod
    def solve(self, denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
        """The state after every step, from x (N, C, H, W) float64 at t[0] to the one at t[-1]."""

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        t = self.levels(denoiser)
        x = latents.to(torch.float64) * t[0]
        yield t[0], x
        first = analytic_first_step(denoiser) if self.afs else denoiser
        for level, state in zip(t[1:], self.solve(first, x, t), strict=True):
            x = state
            yield level, x
        if self.denoise_to_zero:
            # Written as Euler's step, so that it has the bits of EDM's last one.
            yield 0.0, x + (0.0 - t[-1]) * gradient(denoiser, x, t[-1])


@dataclass(frozen=True, kw_only=True)
class ToZeroSampler(ScheduledSampler):
    """A method whose N-th step goes from t_{N-1} to 0: a subclass gives ``solve`` alone."""

    @abstractmethod
    def solve(self, denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
        """The state after every step, from x (N, C, H, W) float64 at t[0] to the image at t[N] = 0."""

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        t = [*self.levels(denoiser), 0.0]
        x = latents.to(torch.float64) * t[0]
        yield t[0], x
        yield from zip(t[1:], self.solve(denoiser, x, t), strict=True)


class PairSampler(ScheduledSampler):
    """A method whose states are pairs (2, N, C, H, W), the image being the first of the last one."""

    def sample(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Tensor:
        return super().sample(denoiser, latents, noise)[0]


def _listed(t: Sequence[float]) -> str:
    return f"[{', '.join(f'{each:g}' for each in t)}]"
