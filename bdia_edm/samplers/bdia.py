"""BDIA, bi-directional integration approximation (Zhang, Lewis, Kleijn 2023, arXiv 2307.10829).

In the paper's notation time falls with the index; z_{i+1} is the older state, z_i the present one:

    z_{i-1} = z_{i+1} - (1-gamma) (z_{i+1} - z_i) - gamma Delta(t_i -> t_{i+1} | z_i) + Delta(t_i -> t_{i-1} | z_i)

Delta(t -> t' | z) is any integrator's change of z from t to t'. gamma = 0 is that integrator alone, bit for bit: the
formula is computed as z_i + gamma (z_{i+1} - z_i - Delta(t_i -> t_{i+1} | z_i)) + Delta(t_i -> t_{i-1} | z_i).
(arXiv versions of late 2023 print the reverse convention, gamma <-> 1 - gamma.)

Orders of convergence, measured on the Gaussian mixture (scripts/convergence.py, results/convergence.md), for every
gamma from 0.1 to 1:

    integrator heun,  backward euler       1     the backward error, O(h²) a step, is not compensated
    integrator heun,  backward trapezoid   2     with an error below EDM's, by a third at gamma 0.8
    integrator heun,  backward heun        2     with EDM's error
    integrator euler, any backward         1     except backward euler with gamma 1: 2, it is the midpoint rule
"""

from __future__ import annotations

from torch import Tensor

from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.integrators import Integrator, euler, heun

__all__ = ["BACKWARDS", "bdia"]

BACKWARDS = ("euler", "heun", "trapezoid")


def bdia(
    denoiser: BatchDenoiser,
    x: Tensor,
    time_steps: Tensor,
    *,
    gamma: float,
    integrator: Integrator = heun,
    backward: str = "euler",
) -> Tensor:
    """Integrates from time_steps[0] to 0; the first step is the plain integrator's, every later one BDIA's.

    Args:
        x: the state at time_steps[0], (N, C, H, W) float64.
        time_steps: t_0 > ... > t_N = 0, (N + 1,) float64, on the CPU.
        gamma: weight of the backward integration, in [0, 1]; 0 evaluates no backward integration.
        integrator: the forward Delta; euler gives BDIA-DDIM (N evaluations), heun BDIA-EDM (2N - 1).
        backward: the backward Delta, d being the gradient.
            'euler': (t_{i+1} - t_i) d_i. No further evaluation; exactly invertible, since it needs z_i only.
            'heun': a Heun step. One further evaluation a step, except the last: there, where the step to t = 0 is
            Euler's, so is the backward one (3N - 3 with heun). Exactly invertible.
            'trapezoid': (t_{i+1} - t_i) (d_i + d_{i+1})/2 with d_{i+1} remembered. No further evaluation, but it
            needs the gradient at z_{i+1}: not exactly invertible.

    Returns:
        The images, (N, C, H, W) float64.
    """
    older: tuple[Tensor, Tensor, Tensor] | None = None
    for t, t_next in denoiser.steps(time_steps):
        d = gradient(denoiser, x, t)
        forward = integrator(denoiser, x, d, t, t_next)
        corrected = x
        if older is not None and gamma > 0:
            x_older, d_older, t_older = older
            if backward == "trapezoid":
                back = (t_older - t) * ((d + d_older) / 2)
            else:
                method = heun if backward == "heun" and t_next > 0 else euler
                back = method(denoiser, x, d, t, t_older)
            corrected = x + gamma * (x_older - x - back)
        older = (x, d, t)
        x = corrected + forward
    return x
