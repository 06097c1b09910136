"""Adams-Bashforth's methods for uneven steps: h c_j is the integral of L_j(t) from t_i to t_{i+1}.

L_j is Lagrange's polynomial on the nodes t_i, t_{i-1}, ...; so the gradient's interpolation is integrated exactly. This
is what iPNDM_v is named after, and LMS of k-diffusion is this with a level 0 appended. Orders as in ``order``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.base.late_torch import torch
from bdia_edm.samplers.linear_multistep import LinearMultistepSampler, lagrange
from bdia_edm.samplers.registry import SAMPLERS

__all__ = ["ABSampler"]


@SAMPLERS.add("ab")
@dataclass(frozen=True, kw_only=True)
class ABSampler(LinearMultistepSampler):
    """Adams-Bashforth with the weights of uneven steps."""

    name = "ab"
    title = "Adams-Bashforth"

    def weights(self, t: Sequence[float], i: int, q: int) -> Sequence[float]:
        nodes = [t[k] for k in range(i, i - q, -1)]
        h = t[i + 1] - t[i]
        # Gauss's two points: exact for polynomials up to degree 3, four nodes.
        gauss = torch.tensor([-1 / math.sqrt(3), 1 / math.sqrt(3)], dtype=torch.float64, device="cpu")
        points = t[i] + h * (1 + gauss) / 2
        return [h * lagrange(j, nodes, points).mean().item() for j in range(q)]
