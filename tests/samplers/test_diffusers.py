"""The same solvers in diffusers, given the same noise levels: their results are met."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.api import make_sampler, trajectory
from tests.solver_references import diagonal_mixture, reference_arrays

diffusers = pytest.importorskip("diffusers")


def way_of(name: str, **options: Any) -> Any:
    sampler = make_sampler(name, {"num_steps": 11, "denoise_to_zero": False, **options})
    return trajectory(diagonal_mixture(), sampler, reference_arrays("mixture")["latents"])


def steps_by(scheduler: Any, times: list[float], x: Tensor, model_output: Any) -> Tensor:
    """Its final state on our noise levels: its own grids repeat the last or append 0."""
    scheduler.set_timesteps(len(times) - 1)
    scheduler.sigmas = torch.tensor(times, dtype=torch.float64)
    scheduler.set_begin_index(0)
    for i, timestep in enumerate(scheduler.timesteps):
        x = scheduler.step(model_output(x, times[i]), timestep, x).prev_sample
    return x


def variance_preserving(scheduler: Any, times: list[float], x: Tensor) -> Tensor:
    """The scheduler's states are x/sqrt(1 + t²), its prediction is the image."""
    x = steps_by(
        scheduler,
        times,
        x / (1 + times[0] ** 2) ** 0.5,
        lambda x, t: diagonal_mixture()(x * (1 + t**2) ** 0.5, t),
    )
    return x * (1 + times[-1] ** 2) ** 0.5


def network_output(x: Tensor, t: float) -> Tensor:
    """F of EDM's preconditioning D = c_skip x + c_out F, sigma_data 0.5."""
    skip, out = 0.25 / (t**2 + 0.25), t * 0.5 / (t**2 + 0.25) ** 0.5
    return (diagonal_mixture()(x, t) - skip * x) / out


@pytest.mark.parametrize("order", [1, 2, 3])
def test_edm_dpm_solver(order: int) -> None:
    way = way_of("dpmpp", order=order, threshold=False)
    scheduler = diffusers.EDMDPMSolverMultistepScheduler(solver_order=order, final_sigmas_type="sigma_min")
    theirs = steps_by(scheduler, way.times, way.states[0], network_output)
    torch.testing.assert_close(theirs, way.states[-1], rtol=0, atol=1e-11)


@pytest.mark.parametrize("threshold", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_dpm_solver(order: int, threshold: bool) -> None:
    way = way_of("dpmpp", order=order, threshold=threshold)
    scheduler = diffusers.DPMSolverMultistepScheduler(
        solver_order=order,
        prediction_type="sample",
        final_sigmas_type="sigma_min",
        thresholding=threshold,
        sample_max_value=1e9,
    )
    theirs = variance_preserving(scheduler, way.times, way.states[0])
    torch.testing.assert_close(theirs, way.states[-1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("variant", ["bh1", "bh2"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_unipc(order: int, variant: str) -> None:
    """The final state alone: theirs between are the predictor's."""
    way = way_of("unipc", order=order, variant=variant, threshold=False)
    scheduler = diffusers.UniPCMultistepScheduler(
        solver_order=order, solver_type=variant, prediction_type="sample", final_sigmas_type="sigma_min"
    )
    theirs = variance_preserving(scheduler, way.times, way.states[0])
    torch.testing.assert_close(theirs, way.states[-1], rtol=1e-6, atol=1e-6)


def test_edm_euler() -> None:
    """Theirs goes on to 0, with a state in float32."""
    way = way_of("euler", denoise_to_zero=True)
    scheduler = diffusers.EDMEulerScheduler()
    scheduler.is_scale_input_called = True
    theirs = steps_by(scheduler, way.times, way.states[0], network_output)
    torch.testing.assert_close(theirs, way.states[-1], rtol=1e-5, atol=1e-5, check_dtype=False)
