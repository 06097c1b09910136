"""Linear multistep methods of Adams' kind on the gradient d = (x - D(x; t))/t.

    x_{i+1} = x_i + sum_k (h c_k) d_{i-k},  k < q,  q = min(order, i + 1)

Step 0 is Euler's, and the order rises with the gradients that there are; it is not lowered at the end. One evaluation a
step. The methods differ in the weights h c_k, which depend on the noise levels alone and are computed before the loop.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bdia_edm.base.options import option
from bdia_edm.samplers.denoising import Denoise, gradient
from bdia_edm.samplers.scheduled import ODESampler

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LinearMultistepSampler", "lagrange", "linear_multistep"]


def linear_multistep(
    denoiser: Denoise, x: Tensor, t: Sequence[float], weights: Sequence[Sequence[float]]
) -> Iterator[Tensor]:
    """From t[0] to t[-1], the state (N, C, H, W) float64 after every step.

    Args:
        x: the state at t[0].
        weights: of every step: h c_0 for the present gradient, h c_1 for the one before, and so on.
    """
    most = max(map(len, weights))
    ds: list[Tensor] = []
    for t_i, step in zip(t, weights, strict=False):
        ds = [gradient(denoiser, x, t_i), *ds[: most - 1]]
        x = x + sum(weight * d for weight, d in zip(step, ds, strict=False))
        yield x


def lagrange(j: int, nodes: Sequence[float], at: Tensor) -> Tensor:
    """The polynomial through 1 at nodes[j] and 0 at the others."""
    value = at * 0 + 1
    for k, node in enumerate(nodes):
        if k != j:
            value = value * (at - node) / (nodes[j] - node)
    return value


@dataclass(frozen=True, kw_only=True)
class LinearMultistepSampler(ODESampler):
    """A linear multistep method: a subclass gives ``weights`` alone."""

    repeats = False
    order: int = option(4, words="largest number of gradients in a step, the order; 1 is Euler", low=1, high=4)

    @abstractmethod
    def weights(self, t: Sequence[float], i: int, q: int) -> Sequence[float]:
        """h c_0 .. h c_{q-1} of the step from t[i] to t[i+1] with q gradients, q > 1."""

    def solve(self, denoiser: Denoise, x: Tensor, t: Sequence[float]) -> Iterator[Tensor]:
        weights: list[Sequence[float]] = []
        for i in range(len(t) - 1):
            q = min(self.order, i + 1)
            weights.append(self.weights(t, i, q) if q > 1 else [t[i + 1] - t[i]])
        return linear_multistep(denoiser, x, t, weights)
