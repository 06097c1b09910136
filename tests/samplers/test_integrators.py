"""The integrators on a flow whose solution is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.integrators import INTEGRATORS, euler, heun


class Exponential(BatchDenoiser):
    """dx/dt = x: D = (1 - t) x, so x(t') = x(t) exp(t' - t)."""

    def __init__(self) -> None:
        self.nfe = 0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        self.nfe += 1
        return (1 - sigma) * x


@pytest.mark.parametrize(("integrator", "order"), [(euler, 2), (heun, 3)])
@pytest.mark.parametrize("direction", [-1, 1])
def test_local_error(integrator, order: int, direction: int) -> None:
    x, t = torch.ones(1, dtype=torch.float64), 1.0
    errors = []
    for h in (0.02, 0.01):
        denoiser = Exponential()
        d = gradient(denoiser, x, t)
        delta = integrator(denoiser, x, d, t, t + direction * h)
        errors.append(abs(float(delta) - (math.exp(direction * h) - 1)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_evaluations() -> None:
    x, t = torch.ones(1, dtype=torch.float64), 1.0
    denoiser = Exponential()
    d = gradient(denoiser, x, t)
    assert denoiser.nfe == 1
    euler(denoiser, x, d, t, t / 2)
    assert denoiser.nfe == 1
    heun(denoiser, x, d, t, t / 2)
    assert denoiser.nfe == 2
    assert torch.equal(heun(denoiser, x, d, t, t * 0), euler(denoiser, x, d, t, t * 0))
    assert denoiser.nfe == 2
    assert (INTEGRATORS["euler"], INTEGRATORS["heun"]) == (euler, heun)
