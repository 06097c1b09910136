"""BDIA: gamma 0 is the integrator, the orders, the evaluations, the formula, and what makes it invertible."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.integrators import INTEGRATORS
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.time_steps import edm_time_steps
from tests.references import build
from tests.sampling import error, order, run


@pytest.mark.parametrize("backward", ["euler", "heun", "trapezoid"])
@pytest.mark.parametrize("scaling", ["none", "vp"])
@pytest.mark.parametrize(("integrator", "plain"), [("heun", "edm"), ("euler", "euler")])
@pytest.mark.parametrize("num_steps", [2, 3, 18])
def test_gamma_0_is_the_integrator_bit_for_bit(
    backward: str, scaling: str, integrator: str, plain: str, num_steps: int
) -> None:
    bdia, nfe = run("bdia", num_steps, gamma=0.0, backward=backward, scaling=scaling, integrator=integrator)
    expected, plain_nfe = run(plain, num_steps)
    assert torch.equal(bdia, expected)
    assert nfe == plain_nfe


@pytest.mark.parametrize("scaling", ["none", "vp"])
@pytest.mark.parametrize("backward", ["euler", "heun", "trapezoid"])
def test_gamma_0_on_a_network_too(backward: str, scaling: str) -> None:
    network = build("tiny-song-vp-cond")
    latents = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    images = [
        make_sampler(name, {"num_steps": 9, **options}).sample(BatchDenoiser(network), latents, lambda: latents)
        for name, options in (
            ("bdia", {"gamma": 0.0, "backward": backward, "scaling": scaling}),
            ("edm", {}),
        )
    ]
    assert torch.equal(*images)


@pytest.mark.parametrize("scaling", ["none", "vp"])
@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    ("integrator", "backward", "expected"),
    [("heun", "euler", 1), ("heun", "trapezoid", 2), ("heun", "heun", 2), ("euler", "euler", 1)],
)
def test_orders_of_convergence(integrator: str, backward: str, expected: int, gamma: float, scaling: str) -> None:
    if (integrator, gamma) == ("euler", 1.0):
        expected = 2  # the midpoint rule
    got = order("bdia", 320, gamma=gamma, backward=backward, integrator=integrator, scaling=scaling)
    assert got == pytest.approx(expected, abs=0.15)


def test_trapezoid_is_more_accurate_than_edm() -> None:
    assert error("bdia", 160, gamma=0.8, backward="trapezoid") < 0.8 * error("edm", 160)


@pytest.mark.parametrize("num_steps", [2, 3, 18])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"backward": "euler"}, lambda n: 2 * n - 1),
        ({"backward": "trapezoid"}, lambda n: 2 * n - 1),
        ({"backward": "heun"}, lambda n: 3 * n - 3),
        ({"backward": "euler", "integrator": "euler"}, lambda n: n),
    ],
)
def test_evaluations_are_counted(num_steps: int, options: dict[str, Any], expected: Any) -> None:
    assert run("bdia", num_steps, gamma=0.5, **options)[1] == expected(num_steps)


Deltas = Callable[[Tensor, int], tuple[Tensor, Tensor]]
SCALES: dict[str, Callable[[float], float]] = {"none": lambda t: 1.0, "vp": lambda t: 1 / math.sqrt(1 + t**2)}


def deltas_of(time_steps: list[float], integrator: str, backward: str, s: Callable[[float], float]) -> Deltas:
    """z_i = s(t_i) x and i to Delta(t_i -> t_{i+1}), the older time, and Delta(t_i -> t_{i-1}), the next."""
    denoiser = BatchDenoiser(GaussianMixture())

    def deltas(z: Tensor, i: int) -> tuple[Tensor, Tensor]:
        t, t_next = time_steps[i], time_steps[i + 1]
        x = z / s(t)
        d = gradient(denoiser, x, t)

        def delta(method: str, target: float) -> Tensor:
            return s(target) * (x + INTEGRATORS[method](denoiser, x, d, t, target)) - z

        back = delta(backward if t_next > 0 else "euler", time_steps[i - 1]) if i else torch.zeros_like(z)
        return back, delta(integrator, t_next)

    return deltas


@pytest.mark.parametrize("backward", ["euler", "heun"])
@pytest.mark.parametrize("integrator", ["euler", "heun"])
@pytest.mark.parametrize("scaling", SCALES)
@pytest.mark.parametrize("gamma", [0.7, 1.0])
def test_it_is_the_papers_formula_and_inverts(backward: str, integrator: str, scaling: str, gamma: float) -> None:
    """The paper's update, written out as printed, ends in the same images; its inverse leads back to the start."""
    time_steps = edm_time_steps(BatchDenoiser(GaussianMixture()), 6)
    s = SCALES[scaling]
    deltas = deltas_of(time_steps, integrator, backward, s)
    latents = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    states = [latents.double() * time_steps[0] * s(time_steps[0])]
    for i in range(6):
        back, ahead = deltas(states[-1], i)
        if i == 0:
            states.append(states[0] + ahead)
        else:
            older, z = states[-2:]
            states.append(older - (1 - gamma) * (older - z) - gamma * back + ahead)
    images, _ = run("bdia", 6, gamma=gamma, backward=backward, integrator=integrator, scaling=scaling)
    torch.testing.assert_close(images, states[-1], rtol=1e-10, atol=1e-10)

    newer, z = states[-1], states[-2]
    for i in range(5, 0, -1):
        back, ahead = deltas(z, i)
        newer, z = z, (newer - (1 - gamma) * z - ahead) / gamma + back
    torch.testing.assert_close(z, states[0], rtol=1e-7, atol=1e-7)


def test_trapezoid_uses_the_gradient_before() -> None:
    """Two steps by hand: z0 plain, z1 with (t0 - t1)(d1 + d0)/2 backwards."""
    denoiser = BatchDenoiser(GaussianMixture())
    t = edm_time_steps(denoiser, 2)
    z0 = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double() * t[0]
    d0 = gradient(denoiser, z0, t[0])
    z1 = z0 + (t[1] - t[0]) * (d0 + gradient(denoiser, z0 + (t[1] - t[0]) * d0, t[1])) / 2
    d1 = gradient(denoiser, z1, t[1])
    expected = z1 + 0.3 * (z0 - z1 - (t[0] - t[1]) * (d0 + d1) / 2) - t[1] * d1
    torch.testing.assert_close(run("bdia", 2, gamma=0.3, backward="trapezoid")[0], expected)
