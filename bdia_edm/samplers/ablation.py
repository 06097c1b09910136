"""The ablation sampler of Karras et al. 2022 (arXiv 2206.00364, section 3 and Table 1).

It integrates dx/dt = (sigma'/sigma + s'/s) x - (sigma' s/sigma) D(x/s; sigma) for any schedule sigma(t), scaling
s(t), discretization and solver. heun, edm, linear, none is the EDM sampler.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import torch
from bdia_edm.base.options import option
from bdia_edm.samplers.churn import ChurnSampler
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.sampler import Noise
from bdia_edm.samplers.time_steps import DEFAULT_RANGE, edm_levels, noise_range
from bdia_edm.samplers.vp_schedule import EPSILON_S, Schedule, fitted_betas, vp_levels, vp_schedule

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "DISCRETIZATIONS",
    "SCALINGS",
    "SCHEDULES",
    "SOLVERS",
    "AblationSampler",
    "Point",
    "Raised",
    "ablation",
    "ablation_time_steps",
]

SOLVERS = ("heun", "euler")
DISCRETIZATIONS = ("edm", "vp", "ve", "iddpm")
SCHEDULES = ("linear", "vp", "ve")
SCALINGS = ("none", "vp")
_VE = Schedule(lambda t: t.sqrt(), lambda t: 1 / (2 * t.sqrt()), lambda level: level.square())
_LINEAR = Schedule(lambda t: t, lambda t: torch.ones_like(t), lambda level: level)


def _levels(discretization: str, num_steps: int, low: float, high: float, rho: float, vp: Schedule) -> Tensor:
    """The noise levels from ``high`` down to ``low``, (num_steps,) float64."""
    i = torch.arange(num_steps, dtype=torch.float64, device="cpu")
    if discretization == "vp":
        return vp_levels(num_steps, vp)
    if discretization == "ve":
        return (high**2 * (low**2 / high**2) ** (i / (num_steps - 1))).sqrt()
    if discretization == "iddpm":
        # Imported here: the networks' module needs PyTorch, and a command's help lists the options without it.
        from bdia_edm.models.preconditioning import iddpm_levels

        u = iddpm_levels(0.001, 0.008, 1000, torch.float64)
        u = u[(u >= low) & (u <= high)]
        if not len(u):
            return u
        # In EDM's order of operations: in another, halves round to the other side.
        return u[((len(u) - 1) / (num_steps - 1) * i).round().to(torch.int64)]
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
    default_vp = vp_schedule(19.9, 0.1)
    default = {
        "vp": tuple(default_vp.sigma(torch.tensor([EPSILON_S, 1.0], dtype=torch.float64, device="cpu")).tolist()),
        "ve": (0.02, 100.0),
        "iddpm": (0.002, 81.0),
        "edm": DEFAULT_RANGE,
    }[discretization]
    low, high = noise_range(denoiser, sigma_min, sigma_max, default)

    beta_d, beta_min = fitted_betas(low, high)
    vp = vp_schedule(beta_d, beta_min)
    chosen = {"vp": vp, "ve": _VE, "linear": _LINEAR}[schedule]
    levels = _levels(discretization, num_steps, low, high, rho, vp)
    end = torch.zeros(1, dtype=torch.float64, device="cpu")
    time_steps = torch.cat([chosen.inverse(denoiser.round_sigma(levels)), end])
    needs_vp = "vp" in (discretization, schedule)
    if not len(levels) or not time_steps.isfinite().all() or (needs_vp and beta_d <= 0):
        raise UserError(
            f"sampler.sigma_min={low:g}, sampler.sigma_max={high:g}: discretization={discretization} with "
            f"schedule={schedule} is undefined on this range; widen it"
        )
    return time_steps, chosen


class Point(NamedTuple):
    """A time t on the way, with sigma(t), s(t), and the two factors of dx/dt = a x - b D(x/s; sigma)."""

    t: float
    sigma: float
    s: float
    a: float
    b: float


class Raised(NamedTuple):
    """The churn before a step: x becomes scale x + spread (normal noise), and is then at ``point``."""

    point: Point
    scale: float
    spread: float


def ablation(
    denoiser: BatchDenoiser,
    x: Tensor,
    points: Sequence[Point],
    *,
    solver: str = "heun",
    raised: Sequence[Raised] | None = None,
    noise: Noise | None = None,
) -> Iterator[Tensor]:
    """From points[0] to t = 0, the state after every step; 2N - 1 evaluations (heun) or N (euler).

    Args:
        x: the state at points[0], (N, C, H, W) float64.
        points: those of t_0 > ... > t_{N-1}; t_N is 0.
        raised: the churn of every step; then ``noise`` is drawn at every step. None is deterministic.
    """

    def gradient(x: Tensor, point: Point) -> Tensor:
        return point.a * x - point.b * denoiser(x / point.s, point.sigma)

    for i, point in enumerate(points):
        last = i == len(points) - 1
        if raised is not None:
            assert noise is not None
            point, scale, spread = raised[i]
            x = scale * x + spread * noise()
        h = (0.0 if last else points[i + 1].t) - point.t
        d = gradient(x, point)
        if solver == "heun" and not last:
            d = (d + gradient(x + h * d, points[i + 1])) / 2
        x = x + h * d
        yield x


@SAMPLERS.add("ablation")
@dataclass(frozen=True, kw_only=True)
class AblationSampler(ChurnSampler):
    """The general sampler of the EDM paper's ablations."""

    name = "ablation"
    title = "Ablation"
    solver: str = option("heun", words="integration of a step", one_of=SOLVERS)
    discretization: str = option(
        "edm",
        words="choice of the noise levels; vp, ve and iddpm have default ranges of their own",
        one_of=DISCRETIZATIONS,
    )
    schedule: str = option("linear", words="noise schedule sigma(t)", one_of=SCHEDULES)
    scaling: str = option("none", words="scale s(t) of the state", one_of=SCALINGS)

    def state_scale(self, level: float) -> float:
        return float(self._scale(torch.tensor(level, dtype=torch.float64, device="cpu")))

    def check_range(self, denoiser: BatchDenoiser) -> None:
        self._time_steps(denoiser)

    def trajectory(self, denoiser: BatchDenoiser, latents: Tensor, noise: Noise) -> Iterator[tuple[float, Tensor]]:
        time_steps, schedule = self._time_steps(denoiser)
        # One 0-dimensional tensor at a time: of a vector exp and log may round the last bit differently.
        times = list(time_steps[:-1])
        points = [self._point(schedule, t) for t in times]
        raised = [self._raise(denoiser, schedule, t) for t in times] if self.S_churn > 0 else None
        x = latents.to(torch.float64) * (points[0].sigma * points[0].s)
        yield points[0].sigma, x
        states = ablation(denoiser, x, points, solver=self.solver, raised=raised, noise=noise)
        yield from zip([*(point.sigma for point in points[1:]), 0.0], states, strict=True)

    def _time_steps(self, denoiser: BatchDenoiser) -> tuple[Tensor, Schedule]:
        return ablation_time_steps(
            denoiser,
            self.num_steps,
            sigma_min=self.sigma_min,
            sigma_max=self.sigma_max,
            rho=self.rho,
            discretization=self.discretization,
            schedule=self.schedule,
        )

    def _point(self, schedule: Schedule, t: Tensor) -> Point:
        sigma, sigma_derivative = schedule.sigma(t), schedule.derivative(t)
        s, s_derivative = self._scale(sigma), torch.zeros_like(t)
        if self.scaling == "vp":
            s_derivative = -sigma * sigma_derivative * s**3
        rate = sigma_derivative / sigma
        return Point(t.item(), sigma.item(), s.item(), (rate + s_derivative / s).item(), (rate * s).item())

    def _scale(self, sigma: Tensor) -> Tensor:
        return (1 + sigma**2).rsqrt() if self.scaling == "vp" else torch.ones_like(sigma)

    def _raise(self, denoiser: BatchDenoiser, schedule: Schedule, t: Tensor) -> Raised:
        sigma = schedule.sigma(t)
        t_hat = schedule.inverse(denoiser.round_sigma((1 + self.churn(sigma.item())) * sigma))
        sigma_hat = schedule.sigma(t_hat)
        s_hat = self._scale(sigma_hat)
        # A network of discrete levels may round t_hat to below t.
        spread = (sigma_hat**2 - sigma**2).clip(min=0).sqrt() * s_hat * self.S_noise
        return Raised(self._point(schedule, t_hat), (s_hat / self._scale(sigma)).item(), spread.item())
