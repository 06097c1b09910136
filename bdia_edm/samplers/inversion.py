"""Exactly invertible samplers, both ways between sigma_max and sigma_min.

An image is taken as the state at t_{N-1} = sigma_min; the inverse leads to t_0 = sigma_max, and the forward half back.
Each needs two states: the state x and its partner.

    two-step methods (BDIA, O-BELM)  the next state of the way ahead; without it the first step is plain
    coupled methods (EDICT, Rex)     the second state, y; without it x itself

Both ways yield pairs (2, N, C, H, W), the state and its partner for the way back: what one way ended with, the other
starts from, and the steps between are undone exactly but for rounding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from bdia_edm.samplers.denoising import BatchDenoiser, Denoise
from bdia_edm.samplers.scheduled import PairSampler, ScheduledSampler

__all__ = ["CoupledSampler", "InvertibleSampler", "TwoStepSampler", "Way"]

Way = Callable[[Denoise, Tensor, Sequence[float], Tensor | None], Iterator[Tensor]]
"""``solve`` or ``solve_back`` of an InvertibleSampler."""


class InvertibleSampler(ScheduledSampler):
    """A sampler with an inverse: a subclass gives ``solve``, ``solve_back`` and how their states make pairs."""

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
        """Raises UserError where the options leave no exact inverse."""
        return

    def forward(
        self, denoiser: BatchDenoiser, x: Tensor, partner: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        """The noise level and the pair (2, N, C, H, W), from the state x at sigma_max to the image at sigma_min.

        Args:
            x: (N, C, H, W) float64; of latents it is latents times the highest of ``levels``.
            partner: x's, as ``invert`` ended with it.

        Raises:
            UserError: as ``check_range``.
        """
        return self.pairs(self.solve, denoiser, x, self.levels(denoiser), partner)

    def invert(
        self, denoiser: BatchDenoiser, image: Tensor, partner: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        """The noise level and the pair (2, N, C, H, W), from the image at sigma_min to the state at sigma_max.

        Args:
            image: (N, C, H, W) float64, about in [-1, 1].
            partner: the image's, as ``forward`` ended with it.

        Raises:
            UserError: as ``check_range`` and ``check_invertible``.
        """
        self.check_invertible()
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
