"""BDIA, bi-directional integration approximation (Zhang, Lewis, Kleijn 2023, arXiv 2307.10829).

In the paper's notation time falls with the index; z_{i+1} is the older state, z_i the present one:

    z_{i-1} = z_{i+1} - (1-gamma) (z_{i+1} - z_i) - gamma Delta(t_i -> t_{i+1} | z_i) + Delta(t_i -> t_{i-1} | z_i)

Delta(t -> t' | z) is any integrator's change of z from t to t'. gamma = 0 is that integrator alone, bit for bit: the
formula is computed as z_i + gamma (z_{i+1} - z_i - Delta(t_i -> t_{i+1} | z_i)) + Delta(t_i -> t_{i-1} | z_i).
(arXiv versions of late 2023 print the reverse convention, gamma <-> 1 - gamma.)

The formula mixes two states, so it depends on their scale: z = s(t) x with Delta(t -> t' | z) = s(t') (x + the
integrator's change of x) - z. EDM's states have s = 1 (``scaling`` none); those of DDIM and its relatives are variance
preserving, s(t) = 1/sqrt(1 + t²) (vp), as the authors' BDIA-DDIM is. The state here stays x: written for it, the
formula is the same with G = gamma s(t_{i+1})/s(t_{i-1}) in the place of gamma.

Orders of convergence, measured on the Gaussian mixture (scripts/convergence.py, results/convergence.md), for every
gamma from 0.1 to 1 and both scalings:

    integrator heun,  backward euler       1     the backward error, O(h²) a step, is not compensated
    integrator heun,  backward trapezoid   2     with an error below EDM's, by a third at gamma 0.8
    integrator heun,  backward heun        2     with EDM's error
    integrator euler, any backward         1     except backward euler with gamma 1: 2, it is the midpoint rule
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option, require
from bdia_edm.samplers.denoising import Denoise, gradient
from bdia_edm.samplers.grid import snap, within
from bdia_edm.samplers.integrators import INTEGRATORS, Integrator, euler, heun
from bdia_edm.samplers.inversion import TwoStepSampler
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.scaling import scale_ratio, scaling_option
from bdia_edm.samplers.scheduled import ToZeroSampler

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ARITHMETICS", "BACKWARDS", "BDIASampler", "bdia", "bdia_back"]

BACKWARDS = ("euler", "heun", "trapezoid")
ARITHMETICS = ("float", "grid")


def bdia(
    denoiser: Denoise,
    x: Tensor,
    time_steps: Sequence[float],
    *,
    gamma: float,
    integrator: Integrator = heun,
    backward: str = "euler",
    scaling: str = "none",
    on_grid: bool = False,
    second: Tensor | None = None,
) -> Iterator[Tensor]:
    """From time_steps[0] to the last one, the state (N, C, H, W) float64 after every step.

    The first step is the plain integrator's, every later one BDIA's.

    Args:
        x: the state at time_steps[0].
        time_steps: t_0 > ... > t_N = 0, or up to t_{N-1}, where an inversion starts.
        gamma: weight of the backward integration, in [0, 1]; 0 evaluates no backward integration.
        integrator: the forward Delta; euler gives BDIA-DDIM (N evaluations), heun BDIA-EDM (2N - 1).
        backward: the backward Delta, d being the gradient.
            'euler': (t_{i+1} - t_i) d_i. No further evaluation; exactly invertible, since it needs z_i only.
            'heun': a Heun step. One further evaluation a step, except the last: there, where the step to t = 0 is
            Euler's, so is the backward one (3N - 3 with heun). Exactly invertible.
            'trapezoid': (t_{i+1} - t_i) (d_i + d_{i+1})/2 with d_{i+1} remembered. No further evaluation, but it
            needs the gradient at z_{i+1}: not exactly invertible.
        scaling: the scale of the states that the formula mixes.
        on_grid: with gamma 1 and scaling none, where the formula only adds, z_{i-1} = z_{i+1} + (the Deltas' difference
            rounded to samplers/grid.py's multiples of 2^-40): every state can be had back bit for bit.
        second: the state at time_steps[1], where it is known; then the first step is not made. Not with trapezoid.
    """
    older: tuple[Tensor, Tensor | None, float] | None = None
    for t, t_next in pairwise(time_steps):
        if older is None and second is not None:
            older, x = (x, None, t), second
            yield x
            continue
        d = gradient(denoiser, x, t)
        forward = integrator(denoiser, x, d, t, t_next)
        if older is None or gamma == 0:
            x_next = x + (snap(forward) if on_grid else forward)
        else:
            x_older, d_older, t_older = older
            if backward == "trapezoid":
                assert d_older is not None
                back = (t_older - t) * ((d + d_older) / 2)
            else:
                back = _back(backward, t_next)(denoiser, x, d, t, t_older)
            if on_grid:
                x_next = within(x_older + snap(forward - back))
            else:
                G = gamma * scale_ratio(scaling, t_older, t_next)
                x_next = x + G * (x_older - x - back) + forward
        older, x = (x, d, t), x_next
        yield x


def bdia_back(
    denoiser: Denoise,
    x: Tensor,
    time_steps: Sequence[float],
    *,
    gamma: float,
    integrator: Integrator = heun,
    backward: str = "euler",
    scaling: str = "none",
    on_grid: bool = False,
    second: Tensor | None = None,
) -> Iterator[Tensor]:
    """BDIA's exact inverse, from time_steps[0] up to the highest level, the state (N, C, H, W) after every step.

    Its step is ``bdia``'s, solved for the older state; the first one, without ``second``, is Euler's. Each step divides
    by gamma, and rounding grows with it.

    Args:
        denoiser, gamma, integrator, scaling, on_grid: as of ``bdia``; gamma is above 0.
        x: the state at time_steps[0].
        time_steps: t_{N-1} < ... < t_0.
        backward: 'euler' or 'heun'.
        second: the state at time_steps[1], where it is known.
    """
    newer: tuple[Tensor, float] | None = None
    for t, t_older in pairwise(time_steps):
        if newer is None:
            newer = (x, t)
            if second is not None:
                x = second
            else:
                step = euler(denoiser, x, gradient(denoiser, x, t), t, t_older)
                x = x + (snap(step) if on_grid else step)
        else:
            x_next, t_next = newer
            newer = (x, t)
            d = gradient(denoiser, x, t)
            forward = integrator(denoiser, x, d, t, t_next)
            back = _back(backward, t_next)(denoiser, x, d, t, t_older)
            if on_grid:
                x = within(x_next - snap(forward - back))
            else:
                G = gamma * scale_ratio(scaling, t_older, t_next)
                x = x + back + (x_next - x - forward) / G
        yield x


def _back(backward: str, t_next: float) -> Integrator:
    """The backward integrator of a step to t_next."""
    return heun if backward == "heun" and t_next > 0 else euler


@SAMPLERS.add("bdia")
@dataclass(frozen=True, kw_only=True)
class BDIASampler(TwoStepSampler, ToZeroSampler):
    """BDIA over an integrator."""

    name = "bdia"
    title = "BDIA"
    grows_below = "gamma"
    gamma: float = option(
        words="weight of the backward integration; 0 is the integrator alone",
        default_words="the model's",
        low=0,
        high=1,
    )
    integrator: str = option(
        "heun", words="the forward integration: heun is BDIA-EDM, euler BDIA-DDIM", one_of=tuple(INTEGRATORS)
    )
    backward: str = option(
        "euler",
        words="the backward integration; heun costs an evaluation a step, trapezoid is not exactly invertible",
        default_words="the model's",
        one_of=BACKWARDS,
    )
    scaling: str = scaling_option()

    arithmetic: str = option(
        "float",
        words="grid keeps the states on multiples of 2^-40, so that at gamma 1 all of them can be had back bit for bit",
        one_of=ARITHMETICS,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic == "grid":
            others = "beside arithmetic=grid: others multiply the states, which takes them off the grid"
            require(self.gamma == 1, "sampler.gamma", self.gamma, f"1 {others}")
            require(self.scaling == "none", "sampler.scaling", self.scaling, f"none {others}")

    @property
    def columns(self) -> dict[str, str | float]:
        return {"backward": self.backward, "gamma": self.gamma}

    @property
    def growth(self) -> float:
        return 1 / self.gamma

    def check_invertible(self) -> None:
        if self.gamma == 0 or self.backward == "trapezoid":
            what = "gamma=0" if self.gamma == 0 else "backward=trapezoid"
            raise UserError(f"sampler.{what}: no exact inverse; take gamma above 0 and backward euler or heun")

    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return bdia(denoiser, self._placed(x), t, second=self._placed(partner), **self._options)

    def solve_back(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return bdia_back(denoiser, self._placed(x), t, second=self._placed(partner), **self._options)

    def _placed(self, x: Any) -> Any:
        """A state, or None, where the arithmetic has it."""
        return snap(x) if self.arithmetic == "grid" and x is not None else x

    @property
    def _options(self) -> dict[str, Any]:
        options = {"gamma": self.gamma, "backward": self.backward, "scaling": self.scaling}
        return {**options, "integrator": INTEGRATORS[self.integrator], "on_grid": self.arithmetic == "grid"}
