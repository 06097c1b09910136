"""iPNDM_v: iPNDM (arXiv 2204.13902) with weights meant for uneven steps, as published with its figures.

The weights are those of the code that the published figures were made with (zju-pi/diff-sampler). They are not the
Adams-Bashforth weights of uneven steps that its name promises, except for two gradients: in u a bracket is misplaced,
(1 - f P)/2 instead of (1 - f) P/2, and in w a sign is wrong, so that even steps give 57, -65, 43, -11 over 24 instead
of 55, -59, 37, -9. They are kept, since the figures have them; the order of convergence is 0.9 with four gradients. The
sampler ``ab`` has the true weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.samplers.linear_multistep import LinearMultistepSampler
from bdia_edm.samplers.registry import SAMPLERS

__all__ = ["IPNDMvSampler", "ipndm_v_weights"]


def ipndm_v_weights(h0: float, h1: float, h2: float | None = None, h3: float | None = None) -> list[float]:
    """c_0, c_1, ... for the present step h0 = t_{i+1} - t_i and those before, as many gradients as there are steps."""
    r = h0 / h1
    if h2 is None:
        return [1 + r / 2, -r / 2]
    v = h1 / h2
    f = h0 / (3 * (h0 + h1))
    P = h0 * (h0 + h1) / (h1 * (h1 + h2))
    u = (1 - f * P) / 2
    if h3 is None:
        return [1 + r / 2 + u, -r / 2 - (1 + v) * u, v * u]
    e = h1 * (h1 + h2) / (h2 * (h2 + h3))
    Q = h0 * (h0 + h1) * (h0 + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
    w = ((1 - f) / 2 + (1 - h0 / (2 * (h0 + h1))) * h0 / (6 * (h0 + h1 + h2))) * Q
    return [
        1 + r / 2 + u + w,
        -r / 2 - (1 + v) * u - (1 + v + e) * w,
        v * u + (v + e * (1 + h2 / h3)) * w,
        -e * v * w,
    ]


@SAMPLERS.add("ipndm_v")
@dataclass(frozen=True, kw_only=True)
class IPNDMvSampler(LinearMultistepSampler):
    """iPNDM_v: iPNDM with the published weights for uneven steps."""

    name = "ipndm_v"
    title = "iPNDM_v"

    def weights(self, t: Sequence[float], i: int, q: int) -> Sequence[float]:
        h = [t[k + 1] - t[k] for k in range(i, i - q, -1)]
        return [h[0] * c for c in ipndm_v_weights(*h)]
