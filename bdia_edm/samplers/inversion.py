"""Samplers with an inverse, both ways between sigma_max and sigma_min.

An image is taken as the state at t_{N-1} = sigma_min; the inverse leads to t_0 = sigma_max, and the forward half back.
An exact inverse needs two states: the state x and its partner.

    two-step methods (BDIA, O-BELM)  the next state of the way ahead; without it the first step is plain
    coupled methods (EDICT, Rex)     the second state, y; without it x itself
    one-step methods (Euler, Heun)   none: their inverse is an approximation

Both ways yield (K, N, C, H, W) with K = 2, the state and its partner for the way back, or K = 1: what one way ended
with, the other starts from, and where the inverse is exact the steps between are undone but for rounding.
"""

from __future__ import annotations

import math
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from bdia_edm.base.late_torch import torch
from bdia_edm.base.options import require
from bdia_edm.samplers.denoising import BatchDenoiser, Denoise, gradient
from bdia_edm.samplers.integrators import Integrator
from bdia_edm.samplers.scheduled import ODESampler, PairSampler, ScheduledSampler

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CoupledSampler", "InvertibleSampler", "OneStepSampler", "TwoStepSampler", "Way", "growth_warning"]

Way = Callable[[Denoise, "Tensor", Sequence[float], "Tensor | None"], Iterator["Tensor"]]
"""``solve`` or ``solve_back`` of an InvertibleSampler."""

_HALF_A_GREY_LEVEL = 1 / 255  # of states, whose 255 levels lie in [-1, 1]


class InvertibleSampler(ScheduledSampler):
    """A sampler with an inverse: a subclass gives ``solve``, ``solve_back`` and how their states make pairs.

    Attributes:
        exact: whether each way undoes the other, in real arithmetic.
        growth: the factor by which rounding can grow in a step of the inverse.
        grows_below: the option on which that depends, which has none at 1; '' where it does not grow.
    """

    exact: ClassVar[bool] = True
    grows_below: ClassVar[str] = ""

    @property
    def growth(self) -> float:
        return 1.0

    @abstractmethod
    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        """The state after every step, from x (N, C, H, W) float64 at t[0], down to t[-1]."""

    @abstractmethod
    def solve_back(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        """The same for rising levels: undoes the steps of ``solve``."""

    def check_invertible(self) -> None:
        """Raises UserError where the options leave no inverse."""
        return

    def forward(
        self, denoiser: BatchDenoiser, x: Tensor, partner: Tensor | None = None, *, step: int = 0
    ) -> Iterator[tuple[float, Tensor]]:
        """The noise level and the states (K, N, C, H, W), from the state x at sigma_max to the image at sigma_min.

        Args:
            x: (N, C, H, W) float64; of latents it is latents times the highest of ``levels``.
            partner: x's, as ``invert`` ended with it.
            step: the number of the level where x is, instead of sigma_max.

        Raises:
            UserError: as ``check_range``.
        """
        return self.pairs(self.solve, denoiser, x, self.levels(denoiser)[step:], partner)

    def invert(
        self, denoiser: BatchDenoiser, image: Tensor, partner: Tensor | None = None, *, iterations: int = 0
    ) -> Iterator[tuple[float, Tensor]]:
        """The noise level and the states (K, N, C, H, W), from the image at sigma_min to the state at sigma_max.

        Args:
            image: (N, C, H, W) float64, about in [-1, 1].
            partner: the image's, as ``forward`` ended with it.
            iterations: fixed-point iterations of every step, where the inverse is not exact.

        Raises:
            UserError: as ``check_range`` and ``check_invertible``; an exact inverse has no iterations.
        """
        self.check_invertible()
        require(iterations == 0, "iterations", iterations, f"0 with sampler={self.name}, whose inverse is exact")
        return self.pairs(self.solve_back, denoiser, image, self.levels(denoiser)[::-1], partner)

    @abstractmethod
    def pairs(
        self, way: Way, denoiser: BatchDenoiser, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        """The levels t with the pair at each, ``way`` being ``solve`` or ``solve_back``."""


class TwoStepSampler(InvertibleSampler):
    """A method whose step needs the state before too; ``partner`` is the state at t[1].

    Where it is given, the first step is not made: the partner is what it gives.
    """

    def pairs(
        self, way: Way, denoiser: BatchDenoiser, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        before = x
        for i, state in enumerate(way(denoiser, x, t, partner)):
            if i == 0:
                yield t[0], torch.stack([x, state])
            yield t[i + 1], torch.stack([state, before])
            before = state


class CoupledSampler(PairSampler, InvertibleSampler):
    """A method that carries two states; ``partner`` is the second one."""

    def pairs(
        self, way: Way, denoiser: BatchDenoiser, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        yield t[0], torch.stack([x, x if partner is None else partner])
        yield from zip(t[1:], way(denoiser, x, t, partner), strict=True)


class OneStepSampler(InvertibleSampler, ODESampler):
    """A method that remembers nothing. The step that led from x' at t' down to x at t solves

        x' = x - Delta(t' -> t | x'),

    whose explicit guess is x + Delta(t -> t' | x), the method run upwards: for Euler's DDIM inversion (Dhariwal, Nichol
    2021, arXiv 2105.05233). Iterating the equation from there is fixed-point inversion, as in AIDI (Pan et al. 2023,
    arXiv 2309.04907) and ReNoise (Garibi et al. 2024, arXiv 2403.14602, which averages besides).
    """

    exact = False

    @property
    @abstractmethod
    def delta(self) -> Integrator:
        """The method's step."""

    def invert(
        self, denoiser: BatchDenoiser, image: Tensor, partner: Tensor | None = None, *, iterations: int = 0
    ) -> Iterator[tuple[float, Tensor]]:
        self.check_invertible()
        back = partial(self.solve_back, iterations=iterations)
        return self.pairs(back, denoiser, image, self.levels(denoiser)[::-1], partner)

    def solve_back(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None, iterations: int = 0
    ) -> Iterator[Tensor]:
        delta = self.delta
        for t_i, t_up in pairwise(t):
            guess = x + delta(denoiser, x, gradient(denoiser, x, t_i), t_i, t_up)
            for _ in range(iterations):
                guess = x - delta(denoiser, guess, gradient(denoiser, guess, t_up), t_up, t_i)
            x = guess
            yield x

    def check_invertible(self) -> None:
        require(not self.afs, "sampler.afs", self.afs, "false: the inverse has no first step to leave out")

    def pairs(
        self, way: Way, denoiser: BatchDenoiser, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        yield t[0], x[None]
        for level, state in zip(t[1:], way(denoiser, x, t, None), strict=True):
            yield level, state[None]


def growth_warning(sampler: InvertibleSampler, num_steps: int) -> str:
    """A warning where rounding may grow beyond half a grey level (1/255) in the inverse; '' where it does not.

    With N = ``num_steps`` the bound is eps growth^(N-1), eps = 2^-52 of float64 states. It is of latents that are made
    images and inverted, inverse(forward(z)), over sigma_max; images that are inverted and made again hide it, since the
    way down undoes the growth of the way up. Measured on the mixture, at the largest number of steps without a warning
    (bound: 3e-3 to 4e-3):

        bdia scaling=vp     gamma 0.5, 0.6, 0.7, 0.8    N = 45, 60, 86, 137    7e-4, 5e-4, 5e-4, 7e-4: tight
        bdia scaling=none   the same                                           5e-8 to 2e-7: loose by 2e4 to 7e4
        edict               p 0.8, 0.93                 N = 69, 211            3e-7 to 5e-7: loose by 1e4
        rex noise, data     zeta 0.9                    N = 290                3e-6; 2e3, see ``RexSampler.growth``

    The rate is right for all of them. A float32 network sees states that came back to rounding alone, and answers with
    the same bits unless one of them is rounded to another float32: then with another 1e-7, which grows from there on.
    On digits (bdia gamma 0.7, vp, 8 images) one image in a set had 3e-4 at N = 70, where the bound is 1e-5 and the
    others had 3e-8 to 1e-6, and one 1e-2 at N = 86. Long before this the latent's deviation tells that it is no noise:
    at gamma 0.5, vp and N = 22 it is 63 sigma_max.

    Raises:
        UserError: as ``check_invertible``.
    """
    sampler.check_invertible()
    if sampler.growth <= 1:
        return ""
    rate = math.log(sampler.growth)
    safe = 1 + int(math.log(_HALF_A_GREY_LEVEL / sys.float_info.epsilon) / rate)
    if num_steps <= safe:
        return ""
    bound = (math.log(sys.float_info.epsilon) + (num_steps - 1) * rate) / math.log(10)
    fewer = f"sampler.num_steps={safe} at most, or " if safe > 1 else ""
    return (
        f"warning: sampler.num_steps={num_steps}: the inverse multiplies rounding by up to {sampler.growth:.4g} a "
        f"step, to 10^{bound:.1f} of sigma_max, where half a grey level is 10^-2.4; take {fewer}"
        f"sampler.{sampler.grows_below} nearer to 1"
    )
