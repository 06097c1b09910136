"""What a sampler says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bdia_edm.samplers.euler import EulerSampler
from bdia_edm.samplers.registry import make_sampler


@pytest.mark.parametrize(
    ("name", "options", "label"),
    [
        ("edm", {}, "edm"),
        ("edm", {"S_churn": 10}, "edm S_churn=10.0"),
        ("edm", {"S_churn": 10, "S_max": 50, "S_noise": 1.003}, "edm S_churn=10.0 S_max=50.0 S_noise=1.003"),
        ("edm", {"S_max": 50}, "edm"),
        ("edm", {"sigma_max": 40, "rho": 5}, "edm sigma_max=40.0 rho=5.0"),
        ("euler", {}, "euler"),
        ("bdia", {"gamma": 0.3, "backward": "heun"}, "bdia"),
        ("bdia", {"gamma": 0.3, "integrator": "euler", "scaling": "vp"}, "bdia integrator=euler scaling=vp"),
        ("ablation", {"solver": "euler", "schedule": "vp"}, "ablation solver=euler schedule=vp"),
        ("heun", {}, "heun"),
        (
            "heun",
            {"rho": 5, "schedule": "logsnr", "denoise_to_zero": False},
            "heun schedule=logsnr denoise_to_zero=False",
        ),
        ("deis", {"schedule": "time_uniform", "rho": 2, "order": 3}, "deis order=3"),
        ("dpmpp", {"prediction": "noise", "threshold": False}, "dpmpp prediction=noise"),
        ("ipndm", {"num_steps": None, "t_steps": [80, 2.5, 0.002], "rho": 3}, "ipndm t_steps=[80.0,2.5,0.002]"),
        ("edict", {"scaling": "vp"}, "edict scaling=vp"),
    ],
)
def test_the_label_tells_what_is_not_the_default(name: str, options: dict[str, Any], label: str) -> None:
    sampler = make_sampler(name, {"num_steps": 9, **options})
    assert sampler.label == label
    assert sampler.is_baseline == (label == "edm")


def test_columns_and_options_are_plain_values() -> None:
    sampler = make_sampler("bdia", {"num_steps": 9, "gamma": 0.3})
    assert sampler.columns == {"backward": "euler", "gamma": 0.3}
    assert sampler.options() == {
        "num_steps": 9,
        "sigma_min": None,
        "sigma_max": None,
        "rho": 7.0,
        "schedule": "polynomial",
        "t_steps": None,
        "gamma": 0.3,
        "integrator": "heun",
        "backward": "euler",
        "scaling": "none",
        "arithmetic": "float",
    }
    assert make_sampler("edm", {"num_steps": 9}).columns == {}


@dataclass(frozen=True, kw_only=True)
class Own(EulerSampler):
    """A user's, whose options are plain fields."""

    name = "own"
    strength: float
    order: int = 2


def test_options_of_a_users_own_are_told_too() -> None:
    assert Own(num_steps=9, strength=0.5).label == "own strength=0.5"
    assert Own(num_steps=9, strength=0.5, order=3).label == "own strength=0.5 order=3"
