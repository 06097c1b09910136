"""One-step integrators of dx/dt = (x - D(x; t))/t: the paper's Delta(t -> t' | x).

An integrator gets the gradient d at (x, t), which its caller has already, and returns the change of x from t to t'.
BDIA is made from any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bdia_edm.samplers.denoising import Denoise, gradient

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["INTEGRATORS", "Integrator", "euler", "heun"]

Integrator = Callable[[Denoise, "Tensor", "Tensor", float, float], "Tensor"]


def euler(denoiser: Denoise, x: Tensor, d: Tensor, t: float, t_next: float) -> Tensor:
    """Euler's step, DDIM in this parametrisation: (t' - t) d. No evaluation of its own."""
    return (t_next - t) * d


def heun(denoiser: Denoise, x: Tensor, d: Tensor, t: float, t_next: float) -> Tensor:
    """Heun's step: (t' - t) (d + d')/2 with d' after an Euler step. One evaluation, none where t' = 0 (Euler)."""
    step = euler(denoiser, x, d, t, t_next)
    if t_next == 0:
        return step
    return (t_next - t) * ((d + gradient(denoiser, x + step, t_next)) / 2)


INTEGRATORS: dict[str, Integrator] = {"euler": euler, "heun": heun}
