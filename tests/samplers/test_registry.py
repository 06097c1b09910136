"""Every option of every sampler: what is refused, and how it is said."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.samplers.registry import SAMPLERS, make_sampler


def test_names() -> None:
    names = "ab ablation bdia deis dpm dpmpp edict edm euler heun ipndm ipndm_v obelm rex unipc"
    assert SAMPLERS.names() == names.split()
    for name in SAMPLERS.names():
        options = {"gamma": 0.1} if name == "bdia" else {}
        assert make_sampler(name, {"num_steps": 2, **options}).num_steps == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("foo", {}, "sampler=foo: must be one of ab, ablation, bdia, deis, dpm, "),
        ("edm", {}, "sampler.num_steps: missing"),
        ("edm", {"num_steps": 1}, "sampler.num_steps=1: must be from 2 to 1000000"),
        ("edm", {"num_steps": 6.5}, "sampler.num_steps=6.5: must be a whole number"),
        ("edm", {"num_steps": "x"}, "sampler.num_steps=x: must be a whole number"),
        ("edm", {"num_steps": True}, "sampler.num_steps=True: must be a whole number"),
        ("edm", {"gamma": 0.1}, "sampler.gamma=0.1: edm has no such option; sampler=bdia has it"),
        ("edm", {"color": "red"}, "sampler.color=red: unknown option; sampler takes num_steps, sigma_min, sigma_max, "),
        ("edm", {"sigma_min": 0}, "sampler.sigma_min=0.0: must be from 1e-30 to 1e+30"),
        ("edm", {"sigma_max": math.inf}, "sampler.sigma_max=inf: must be from 1e-30 to 1e+30"),
        ("edm", {"sigma_max": 1e308}, "sampler.sigma_max=1e+308: must be from 1e-30 to 1e+30"),
        ("ablation", {"sigma_min": 1e-308}, "sampler.sigma_min=1e-308: must be from 1e-30 to 1e+30"),
        ("edm", {"sigma_min": 3, "sigma_max": 2}, "sampler.sigma_min=3.0: must be below sampler.sigma_max"),
        ("edm", {"rho": -7}, "sampler.rho=-7.0: must be from 0.1 to 1000"),
        ("edm", {"S_churn": -1}, "sampler.S_churn=-1.0: must be at least 0"),
        ("edm", {"S_churn": math.nan}, "sampler.S_churn=nan: must be a number"),
        ("edm", {"S_min": 3, "S_max": 1}, "sampler.S_max=1.0: must be at least S_min, 3"),
        ("edm", {"S_noise": math.inf}, "sampler.S_noise=inf: must be at least 0 and finite"),
        ("bdia", {}, "sampler.gamma: missing"),
        ("bdia", {"gamma": -0.01}, "sampler.gamma=-0.01: must be from 0 to 1"),
        ("bdia", {"gamma": 1.5}, "sampler.gamma=1.5: must be from 0 to 1"),
        ("bdia", {"gamma": 0.1, "backward": "rk4"}, "sampler.backward=rk4: must be one of euler, heun, trapezoid"),
        ("bdia", {"gamma": 0.1, "integrator": "rk4"}, "sampler.integrator=rk4: must be one of euler, heun"),
        ("bdia", {"gamma": 0.1, "S_churn": 10}, "sampler.S_churn=10: bdia has no such option; "),
        (
            "euler",
            {"S_churn": 10},
            "sampler.S_churn=10: euler has no such option; sampler=ablation and sampler=edm have it",
        ),
        ("bdia", {"gamma": 0.1, "scaling": "ve"}, "sampler.scaling=ve: must be one of none, vp"),
        ("ablation", {"solver": "rk4"}, "sampler.solver=rk4: must be one of heun, euler"),
        ("ablation", {"schedule": "cosine"}, "sampler.schedule=cosine: must be one of linear, vp, ve"),
        ("ablation", {"scaling": "ve"}, "sampler.scaling=ve: must be one of none, vp"),
        ("ablation", {"discretization": "x"}, "sampler.discretization=x: must be one of edm, vp, ve, iddpm"),
        ("heun", {}, "sampler.num_steps: missing"),
        ("heun", {"num_steps": None}, "sampler.num_steps: missing"),
        ("heun", {"num_steps": 1}, "sampler.num_steps=1: must be from 2 to 1000000"),
        ("heun", {"schedule": "vp"}, "sampler.schedule=vp: must be one of polynomial, logsnr, time_uniform"),
        ("heun", {"t_steps": "x"}, "sampler.t_steps=x: must be a list of numbers or null"),
        ("heun", {"t_steps": [2, True]}, "sampler.t_steps=[2, True]: must be a list of numbers or null"),
        ("heun", {"t_steps": [3, 2, 1]}, "sampler.num_steps=9: must be null beside sampler.t_steps, or as many, 3"),
        *(
            ("ipndm", {"num_steps": None, "t_steps": bad}, "sampler.t_steps=[")
            for bad in ([], [80], [3, 2, 2], [1, 2], [2, 0], [math.inf, 1], [math.nan, 1], [2, math.nan])
        ),
        (
            "obelm",
            {"num_steps": None, "t_steps": [3, 1], "sigma_max": 3},
            "sampler.sigma_max=3.0: must be null beside t_steps",
        ),
        ("ipndm", {"order": 5}, "sampler.order=5: must be from 1 to 4"),
        ("ab", {"order": 0}, "sampler.order=0: must be from 1 to 4"),
        ("dpmpp", {"order": 4}, "sampler.order=4: must be from 1 to 3"),
        ("unipc", {"variant": "bh3"}, "sampler.variant=bh3: must be one of bh1, bh2"),
        ("unipc", {"prediction": "v"}, "sampler.prediction=v: must be one of data, noise"),
        ("dpm", {"r": 0}, "sampler.r=0.0: must be from 0.01 to 1"),
        ("edict", {"p": 0.3}, "sampler.p=0.3: must be from 0.5 to 1"),
        ("edict", {"denoise_to_zero": True}, "sampler.denoise_to_zero=True: edict has no such option; "),
        ("rex", {"tableau": "dopri5"}, "sampler.tableau=dopri5: must be one of euler, midpoint, rk4"),
        ("rex", {"afs": True}, "sampler.afs=True: rex has no such option; "),
    ],
)
def test_mistakes(name: str, options: dict[str, Any], message: str) -> None:
    steps = {} if "num_steps: missing" in message else {"num_steps": 9}
    with pytest.raises(UserError) as error:
        make_sampler(name, {**steps, **options})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


CONF = Path(__file__).parents[2] / "conf" / "sampler"


def test_every_sampler_has_a_yaml() -> None:
    assert sorted(path.stem for path in CONF.glob("*.yaml")) == SAMPLERS.names()


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_a_yaml_holds_the_options_and_defaults_of_the_code(name: str) -> None:
    """In their order; for a model whose card says no more than it must, all defaults are the code's."""
    card = {"num_steps": 9, "gamma": 0.3, "backward": "euler"}
    config = OmegaConf.create({"sampler": OmegaConf.load(CONF / f"{name}.yaml"), "model": {"settings": card}})
    shown = OmegaConf.to_container(config, resolve=True)["sampler"]
    assert list(shown) == ["name", *(field.name for field in fields(SAMPLERS[name]))]
    assert shown.pop("name") == name
    required = {option: card[option] for option in shown if option in ("num_steps", "gamma")}
    assert make_sampler(name, shown) == make_sampler(name, required)


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_every_option_is_explained(name: str) -> None:
    assert [field.name for field, _ in options_of(SAMPLERS[name])] == [field.name for field in fields(SAMPLERS[name])]
    assert all(facts.words and not facts.words.endswith(".") for _, facts in options_of(SAMPLERS[name]))
