"""The published solvers: the reference's trajectories, what equals what bit for bit, evaluations, orders."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from bdia_edm.api import trajectory
from bdia_edm.base.errors import UserError
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.deis import deis_weights
from bdia_edm.samplers.denoising import BatchDenoiser, gradient
from bdia_edm.samplers.lambda_multistep import dynamic_threshold
from bdia_edm.samplers.registry import SAMPLERS, make_sampler
from bdia_edm.samplers.time_steps import edm_time_steps, noise_levels
from tests.references import build
from tests.sampling import run
from tests.solver_references import CASES, check_case, diagonal_mixture, reference_arrays, sampler_of

ONE_EVALUATION = ("euler", "ipndm", "ipndm_v", "deis", "ab", "dpmpp", "unipc")
TWO_EVALUATIONS = ("heun", "dpm")
TO_ZERO = ("obelm", "edict")
ABSENT = torch.zeros(0)


@pytest.mark.parametrize(("file", "case"), [(file, case) for file, cases in CASES.items() for case in cases])
def test_every_state_is_the_references(file: str, case: str) -> None:
    """The authors' own codes, and where there is none two derivations of the formula; see reference/README.md."""
    check_case(file, case)


@pytest.mark.parametrize("num_steps", range(4, 12))
@pytest.mark.parametrize(
    ("name", "schedule", "rho"),
    [
        ("polynomial7", "polynomial", 7),
        ("logsnr", "logsnr", 7),
        ("time_uniform2", "time_uniform", 2),
    ],
)
def test_the_published_times(name: str, schedule: str, rho: float, num_steps: int) -> None:
    """In float32, as published, the last time of time_uniform is 0.002013 instead of 0.002; the others agree."""
    held = reference_arrays("published_float32")
    times = noise_levels(schedule, num_steps, 0.002, 80.0, rho).tolist()
    np.testing.assert_allclose(times, held[f"t_{name}_{num_steps}_float64"], rtol=1e-10)
    published = held[f"t_{name}_{num_steps}_float32"]
    np.testing.assert_allclose(times[:-1], published[:-1], rtol=1e-3)
    np.testing.assert_allclose(times[-1], published[-1], rtol=0.01)


@pytest.mark.parametrize("num_steps", range(4, 12))
def test_the_published_weights_of_deis(num_steps: int) -> None:
    """The sum of 10,000 points, to rounding; float32 moves the last weights by up to 2e-4."""
    held = reference_arrays("published_float32")
    times = noise_levels("time_uniform", num_steps, 0.002, 80.0, 2).tolist()
    for i in range(1, num_steps - 1):
        weights = np.zeros(4)
        weights[: min(i + 1, 4)] = deis_weights(times, i, min(i + 1, 4))
        np.testing.assert_allclose(weights, held[f"deis4_{num_steps}_float64"][i], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(weights, held[f"deis4_{num_steps}_float32"][i], atol=2e-4, rtol=1e-4)


FLOAT32_RUNS = [case for case, facts in CASES["tiny-song-vp-cond"].items() if "float32_difference" in facts]


@pytest.mark.parametrize("case", FLOAT32_RUNS)
def test_the_published_float32_runs_are_as_near_as_said(case: str) -> None:
    file = "tiny-song-vp-cond"
    arrays, published = reference_arrays(file), reference_arrays("published_float32")[f"{file}_{case}"]
    network: Any = build(file)
    way = trajectory(network, sampler_of(file, case), arrays["latents"], torch.eye(network.label_dim)[arrays["labels"]])
    said = CASES[file][case]["float32_difference"]
    assert float((way.states[-1] - published).abs().max()) <= 1.5 * said + 2e-6


@pytest.mark.parametrize("num_steps", [2, 3, 18])
def test_heun_is_edm_and_euler_is_the_euler_of_its_steps_bit_for_bit(num_steps: int) -> None:
    """Denoising to 0 is the last step of the grid that ends at 0."""
    heun, edm = run("heun", num_steps), run("edm", num_steps)
    assert torch.equal(heun[0], edm[0])
    assert heun[1] == edm[1]
    denoiser = BatchDenoiser(GaussianMixture())
    t = edm_time_steps(denoiser, num_steps)
    x = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double() * t[0]
    for t_i, t_next in pairwise(t):
        x = x + (t_next - t_i) * gradient(denoiser, x, t_i)
    assert torch.equal(run("euler", num_steps)[0], x)


def test_heun_is_edm_on_a_network_too() -> None:
    network: Any = build("tiny-song-vp-cond")
    latents = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = torch.eye(network.label_dim)[[0, 1]]
    ways = [trajectory(network, make_sampler(name, {"num_steps": 7}), latents, labels) for name in ("heun", "edm")]
    assert ways[0].times == ways[1].times
    assert all(torch.equal(*pair) for pair in zip(ways[0].states, ways[1].states, strict=True))


def test_what_is_eulers_and_what_is_heuns() -> None:
    """Every method's lowest order, and DPM-Solver-2 with its middle at the end."""
    for schedule in ("polynomial", "logsnr"):
        euler, heun = run("euler", 9, schedule=schedule)[0], run("heun", 9, schedule=schedule)[0]
        torch.testing.assert_close(run("dpm", 9, r=1, schedule=schedule)[0], heun, rtol=0, atol=1e-11)
        for name in ("ipndm", "ipndm_v", "deis", "ab"):
            options: dict[str, Any] = {"order": 1, "schedule": schedule, "rho": 7}
            torch.testing.assert_close(run(name, 9, **options)[0], euler, rtol=0, atol=1e-11)
        for prediction in ("data", "noise"):
            options = {"order": 1, "schedule": schedule, "prediction": prediction, "threshold": False}
            torch.testing.assert_close(run("dpmpp", 9, **options)[0], euler, rtol=0, atol=1e-11)


@pytest.mark.parametrize("q", [2, 3, 4])
def test_ab_and_ipndm_agree_on_even_steps_and_ipndm_v_does_not(q: int) -> None:
    """The published slip: 57, -65, 43, -11 over 24 for four gradients; with two it is right."""
    even = [10.0, 8.0, 6.0, 4.0, 2.0]
    ab, ipndm, ipndm_v = (
        SAMPLERS[name](num_steps=5).weights(even, 3, q)  # type: ignore[attr-defined]
        for name in ("ab", "ipndm", "ipndm_v")
    )
    np.testing.assert_allclose(ab, ipndm, rtol=1e-13)
    if q == 4:
        np.testing.assert_allclose(np.array(ipndm_v) / -2 * 24, [57, -65, 43, -11], rtol=1e-12)
    assert np.allclose(ipndm_v, ab) == (q < 4)
    uneven = [9.0, 5.0, 4.0, 1.5, 0.7]
    weights = [SAMPLERS[name](num_steps=5).weights(uneven, 3, q) for name in ("ab", "ipndm_v")]  # type: ignore[attr-defined]
    assert np.allclose(*weights) == (q == 2)


def test_the_weights_of_ab_integrate_cubics_exactly() -> None:
    """Uneven steps: the integral of t³ from its values at four nodes is exact."""
    t = [9.0, 5.0, 4.0, 1.5, 0.7]
    weights = SAMPLERS["ab"](num_steps=5).weights(t, 3, 4)  # type: ignore[attr-defined]
    assert sum(w * node**3 for w, node in zip(weights, t[3::-1], strict=True)) == pytest.approx((0.7**4 - 1.5**4) / 4)


@pytest.mark.parametrize("num_steps", [3, 8])
def test_evaluations(num_steps: int) -> None:
    """As the table of published figures counts them."""
    for zero in (False, True):
        for afs in (False, True):
            options = {"denoise_to_zero": zero, "afs": afs}
            for name in ONE_EVALUATION:
                late = name == "unipc" and num_steps - 1 < 3
                assert run(name, num_steps, **options)[1] == num_steps - 1 + late + zero - afs
            for name in TWO_EVALUATIONS:
                assert run(name, num_steps, **options)[1] == 2 * (num_steps - 1) + zero - afs
    assert run("obelm", num_steps)[1] == num_steps
    assert run("edict", num_steps)[1] == 2 * num_steps
    for tableau, stages in {"euler": 1, "midpoint": 2, "rk4": 4}.items():
        assert run("rex", num_steps, tableau=tableau)[1] == 2 * stages * (num_steps - 1)
    assert run("rex", num_steps, denoise_to_zero=True)[1] == 2 * (num_steps - 1) + 1


@pytest.mark.parametrize("name", ["edict", "rex"])
def test_the_image_of_a_pair_is_its_first_state(name: str) -> None:
    sampler = make_sampler(name, {"num_steps": 5})
    latents = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    way = trajectory(GaussianMixture(), sampler, latents)
    assert way.states[-1].shape == (2, 16, 1, 4, 4)
    images, _ = run(name, 5)
    assert torch.equal(images, way.states[-1][0])
    assert not torch.equal(images, way.states[-1][1])
    assert (way.times[-1] == 0) == (name == "edict")


@pytest.mark.parametrize("size", [1, 2, 4, 16, 41])
def test_the_threshold_is_imagens(size: int) -> None:
    """clip(D, -S, S)/S, S the larger of 1 and the 0.995 quantile of |D|, image by image."""
    denoised = torch.randn(5, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    denoised = denoised * torch.tensor([0.1, 0.5, 1.0, 2.0, 30.0])[:, None, None, None]
    S = torch.quantile(denoised.abs().flatten(1), 0.995, dim=1).clip(min=1)[:, None, None, None]
    torch.testing.assert_close(dynamic_threshold(denoised), denoised.clamp(-S, S) / S, rtol=1e-12, atol=0)
    assert torch.equal(dynamic_threshold(denoised)[:1], denoised[:1])
    assert dynamic_threshold(denoised[4:]).abs().max() == 1


def final_state(name: str, num_steps: int, **options: Any) -> torch.Tensor:
    """The reference mixture's, at sigma_min, or at 0 where the method always goes there; of a pair the first."""
    if name not in TO_ZERO and name != "rex":
        options.setdefault("denoise_to_zero", False)
    sampler = make_sampler(name, {"num_steps": num_steps, **options})
    return sampler.sample(BatchDenoiser(diagonal_mixture()), reference_arrays("mixture")["latents"], lambda: ABSENT)


@cache
def exact(to_zero: bool) -> torch.Tensor:
    """By 3,000 steps of a method of order 4; another one's differs by 6e-9."""
    return final_state("ab", 3001, denoise_to_zero=to_zero)


def error(name: str, steps: int, **options: Any) -> float:
    to_zero = name in TO_ZERO
    difference = final_state(name, steps + (not to_zero), **options) - exact(to_zero)
    return float(difference.square().mean().sqrt())


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("euler", {}, 0.99),
        ("heun", {}, 2.00),
        ("dpm", {}, 1.97),
        *(("deis", {"order": q}, order) for q, order in ((2, 1.96), (3, 2.88), (4, 4.0))),
        *(("ab", {"order": q}, order) for q, order in ((2, 1.9), (3, 2.65), (4, 3.6))),
        *(("ipndm", {"order": q}, order) for q, order in ((2, 1.7), (3, 2.5), (4, 2.3))),
        ("ipndm_v", {"order": 4}, 0.9),
        *(("dpmpp", {"order": q, "threshold": False}, order) for q, order in ((1, 1), (2, 1.7), (3, 2.5))),
        *(("unipc", {"order": q, "threshold": False}, order) for q, order in ((1, 1.8), (2, 2.8), (3, 5.2))),
        ("obelm", {}, 2.08),
        ("edict", {"scaling": "vp"}, 1.05),
        ("rex", {"tableau": "midpoint"}, 1.99),
        ("rex", {"tableau": "rk4"}, 3.94),
    ],
)
def test_orders_of_convergence(name: str, options: dict[str, Any], expected: float) -> None:
    """The last halving, 80 to 160 steps: for the methods in ln t not yet asymptotic."""
    order = math.log2(error(name, 80, **options) / error(name, 160, **options))
    assert order == pytest.approx(expected, abs=0.25)


@pytest.mark.parametrize("name", ["dpmpp", "unipc"])
def test_the_threshold_keeps_them_from_the_solution(name: str) -> None:
    """Where images leave [-1, 1], at any number of steps: published so, and why it is an option here."""
    assert error(name, 160) > 0.05
    assert error(name, 160, threshold=False) < 1e-4


def test_a_list_is_its_schedule() -> None:
    """The levels of a schedule as a list give the same images, and num_steps is their number."""
    t = noise_levels("logsnr", 6, 0.002, 80.0, 7).tolist()
    listed = make_sampler("ipndm", {"t_steps": t})
    assert listed.num_steps == 6
    assert make_sampler("ipndm", listed.options()) == listed
    latents = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images = listed.sample(BatchDenoiser(GaussianMixture()), latents, lambda: latents)
    assert torch.equal(images, run("ipndm", 6, schedule="logsnr")[0])


def test_levels_that_the_network_does_not_know_are_refused() -> None:
    ve, iddpm = (BatchDenoiser(build(f"tiny-{name}")) for name in ("song-vp-cond-VEPrecond", "adm-cond-iDDPMPrecond"))
    with pytest.raises(UserError, match=r"^sampler.t_steps=0.01: must be within this network's noise levels, 0.02 to"):
        make_sampler("euler", {"t_steps": [50, 1, 0.01]}).check_range(ve)
    narrow = make_sampler("deis", {"num_steps": 9, "sigma_min": 1, "sigma_max": 2})
    with pytest.raises(UserError, match=r"^sampler.sigma_min=1, sampler.sigma_max=2: schedule=time_uniform is undef"):
        narrow.check_range(BatchDenoiser(GaussianMixture()))
    make_sampler("euler", {"num_steps": 2000}).check_range(iddpm)
    with pytest.raises(UserError, match=r"^sampler.num_steps=2000: two of these noise levels are one to this network"):
        make_sampler("ab", {"num_steps": 2000}).check_range(iddpm)
