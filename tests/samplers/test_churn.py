"""Churn's amount; that its images are the original's is shown in test_edm and test_ablation."""

from __future__ import annotations

import math

import pytest

from bdia_edm.samplers.edm import EDMSampler


@pytest.mark.parametrize(
    ("S_churn", "S_min", "S_max", "expected"),
    [
        (40, 0.05, 50, 40 / 256),
        (1e9, 0.05, 50, math.sqrt(2) - 1),
        (40, 1.1, 50, 0),
        (40, 0.05, 0.9, 0),
        (40, 1, 1, 40 / 256),
    ],
)
def test_it_is_within_its_bounds(S_churn: float, S_min: float, S_max: float, expected: float) -> None:
    sampler = EDMSampler(num_steps=256, S_churn=S_churn, S_min=S_min, S_max=S_max)
    assert sampler.churn(1.0) == expected


def test_without_it_its_range_is_idle() -> None:
    assert EDMSampler(num_steps=9, S_min=0.1).idle == ("S_min", "S_max", "S_noise")
    assert EDMSampler(num_steps=9, S_min=0.1, S_churn=1).idle == ()
