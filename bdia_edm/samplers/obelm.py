"""O-BELM (Wang, Yin, Xie 2024, arXiv 2410.07273): the two-step method of least local error that inverts exactly.

    x_{i+1} = R² x_{i-1} + (1 - R²) x_i + h (1 + R) d_i,  R = h/g,  h = t_{i+1} - t_i,  g = t_i - t_{i-1}

The first step is Euler's. One evaluation a step, N with the last one to 0. The form is the same in every scale of the
states. Solved for x_{i-1} it is the same formula on the reversed levels: the inverse is the method itself, upwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bdia_edm.samplers.denoising import Denoise, gradient
from bdia_edm.samplers.inversion import TwoStepSampler
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.scheduled import ToZeroSampler

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OBELMSampler", "obelm"]


def obelm(denoiser: Denoise, x: Tensor, t: Sequence[float], *, second: Tensor | None = None) -> Iterator[Tensor]:
    """From t[0] to t[-1], downwards or upwards, the state (N, C, H, W) float64 after every step.

    Args:
        x: the state at t[0].
        second: the state at t[1], where it is known; then the first step is not made.
    """
    older: tuple[Tensor, float] | None = None
    for t_i, t_next in pairwise(t):
        h = t_next - t_i
        if older is None:
            x_next = second if second is not None else x + h * gradient(denoiser, x, t_i)
        else:
            x_older, t_older = older
            R = h / (t_i - t_older)
            x_next = R * R * x_older + (1 - R * R) * x + h * (1 + R) * gradient(denoiser, x, t_i)
        older, x = (x, t_i), x_next
        yield x


@SAMPLERS.add("obelm")
@dataclass(frozen=True, kw_only=True)
class OBELMSampler(TwoStepSampler, ToZeroSampler):
    """O-BELM, exactly invertible."""

    name = "obelm"
    title = "O-BELM"
    repeats = False

    def solve(
        self, denoiser: Denoise, x: Tensor, t: Sequence[float], partner: Tensor | None = None
    ) -> Iterator[Tensor]:
        return obelm(denoiser, x, t, second=partner)

    solve_back = solve
