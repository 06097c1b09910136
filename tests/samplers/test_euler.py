"""Euler's method: DDIM's formula, its order, its evaluations."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.engine.trajectory import trajectory
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler
from tests.sampling import order


def test_order_of_convergence() -> None:
    assert order("euler") == pytest.approx(1, abs=0.1)


def test_it_is_ddim() -> None:
    """DDIM keeps the predicted noise and lowers its level: x' = D + t'/t (x - D); one evaluation a step."""
    mixture = GaussianMixture()
    latents = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    way = trajectory(mixture, make_sampler("euler", {"num_steps": 7}), latents)
    for i in range(7):
        x, t, t_next = way.states[i], way.times[i], way.times[i + 1]
        denoised = mixture(x, t)
        torch.testing.assert_close(way.states[i + 1], denoised + t_next / t * (x - denoised))
    assert way.nfe == 7
