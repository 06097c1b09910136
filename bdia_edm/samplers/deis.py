"""DEIS, its tAB form (Zhang, Chen 2023, arXiv 2204.13902): Adams-Bashforth in the variance-preserving time tau.

    h c_j = int L_j(tau) dt/dtau dtau  from tau_i to tau_{i+1},  L_j Lagrange's polynomial on tau_i, tau_{i-1}, ...

t(tau) = sqrt(exp(B tau²/2 + A tau) - 1), with A and B always those of 0.002 to 80, whatever the range in use. As in the
code that the published figures were made with (zju-pi/diff-sampler), the integral is a sum: the mean of 10,000 even
points, both ends with full weight, times the length; so sum_j c_j is 1 only to 3e-5. A finer quadrature would miss the
published figures' weights. DEIS-tAB3 is ``order`` 4. Orders of convergence, measured on the Gaussian mixture: 2.0, 2.9
and 3.9 for ``order`` 2, 3, 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.base.late_torch import torch
from bdia_edm.samplers.linear_multistep import LinearMultistepSampler, lagrange
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.samplers.scheduled import ScheduledSampler, option_of
from bdia_edm.samplers.time_steps import DEFAULT_RANGE
from bdia_edm.samplers.vp_schedule import fitted_betas, vp_schedule

__all__ = ["DEISSampler", "deis_weights"]

_POINTS = 10_000


def deis_weights(t: Sequence[float], i: int, q: int) -> list[float]:
    """h c_0 .. h c_{q-1} of the step from t[i] to t[i+1]."""
    B, A = fitted_betas(*DEFAULT_RANGE)
    vp = vp_schedule(B, A)
    tau = vp.inverse(torch.tensor(t[: i + 2], dtype=torch.float64, device="cpu")).tolist()
    g = torch.linspace(tau[i], tau[i + 1], _POINTS, dtype=torch.float64, device="cpu")
    sigma = vp.sigma(g)
    slope = (A + B * g) * (sigma**2 + 1) / (2 * sigma)
    nodes = [tau[k] for k in range(i, i - q, -1)]
    return [(tau[i + 1] - tau[i]) * (slope * lagrange(j, nodes, g)).mean().item() for j in range(q)]


@SAMPLERS.add("deis")
@dataclass(frozen=True, kw_only=True)
class DEISSampler(LinearMultistepSampler):
    """DEIS-tAB, on its published schedule."""

    name = "deis"
    title = "DEIS-tAB"
    rho: float = option_of(ScheduledSampler, "rho", 2.0)
    schedule: str = option_of(ScheduledSampler, "schedule", "time_uniform")

    def weights(self, t: Sequence[float], i: int, q: int) -> Sequence[float]:
        return deis_weights(t, i, q)
