"""What diffusers' own tests ask of every scheduler and of DDIM's, of a fresh one and of one loaded from disk."""

from __future__ import annotations

import inspect
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bdia_edm.text_to_image import BDIAInverseScheduler, BDIAScheduler

KINDS = [BDIAScheduler, BDIAInverseScheduler]
CONFIG = {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "gamma": 0.95}
FORWARD = [
    {"num_train_timesteps": 100},
    {"num_train_timesteps": 500, "beta_start": 0.001},
    {"beta_start": 0.0001, "beta_end": 0.002},
    {"beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2"},
    {"prediction_type": "v_prediction"},
    {"prediction_type": "sample"},
    {"timestep_spacing": "trailing"},
    {"timestep_spacing": "linspace"},
    {"set_alpha_to_one": True, "steps_offset": 0},
    {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
]
CLIPPED = [{"clip_sample": True}, {"thresholding": True, "sample_max_value": 2.0}]


def sample() -> Tensor:
    return torch.linspace(0, 1, 4 * 3 * 8 * 8).reshape(4, 3, 8, 8)


def loaded(scheduler: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        scheduler.save_pretrained(folder)
        return type(scheduler).from_pretrained(folder)


def configs(kind: Any) -> list[dict[str, Any]]:
    """An inverse has no clipping."""
    return [{**CONFIG, **more} for more in (*FORWARD, *(CLIPPED if kind is BDIAScheduler else []))]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(autouse=True)
def no_warnings_of_clipping() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "clip_sample|thresholding")
        yield


def test_a_loaded_one_steps_alike(kind: Any) -> None:
    """At timesteps that are not in the list too, and by number or tensor."""
    for config in configs(kind):
        fresh = kind(**config)
        back = loaded(fresh)
        for timestep in (0, 1, 10, 49, torch.tensor(49)):
            made = []
            for each in (fresh, back):
                each.set_timesteps(50)
                made.append(each.step(0.1 * sample(), timestep, sample()).prev_sample)
            assert (made[0] - made[1]).abs().sum() < 1e-5
            assert made[0].shape == sample().shape


def test_a_loaded_one_has_the_same_configuration(kind: Any) -> None:
    scheduler = kind(**CONFIG)
    back = loaded(scheduler)
    names = [name for name in scheduler.config if name != "_use_default_values"]
    assert [back.config[name] for name in names] == [scheduler.config[name] for name in names]
    assert set(scheduler.config["_use_default_values"]).isdisjoint(CONFIG)


# Of diffusers' own arrays.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_compatible_class_keeps_the_configuration() -> None:
    scheduler = BDIAScheduler(**CONFIG)
    names = {each.__name__ for each in scheduler.compatibles}
    assert {"DDIMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler"} <= names
    for each in scheduler.compatibles:
        # Some are stand-ins for classes that need another package.
        if not each.__module__.startswith("diffusers.utils.dummy"):
            back = BDIAScheduler.from_config(each.from_config(scheduler.config).config)
            assert {name: back.config[name] for name in scheduler.config} == dict(scheduler.config)


def test_steps_in_a_row_keep_the_shape_and_share_nothing(kind: Any) -> None:
    first, second = kind(**CONFIG), kind(**CONFIG)
    for each in (first, second):
        each.set_timesteps(50)
    alone = second.step(0.1 * sample(), 1, sample()).prev_sample
    second.set_timesteps(50)
    first.step(0.3 * sample(), 0, 2 * sample())
    assert first.step(0.1 * sample(), 1, sample()).prev_sample.shape == sample().shape
    assert second.step(0.1 * sample(), 1, sample()).prev_sample.equal(alone)


def test_a_tuple_holds_what_the_output_does(kind: Any) -> None:
    scheduler = kind(**CONFIG)
    made = []
    for whole in (True, False):
        scheduler.set_timesteps(50)
        made.append(scheduler.step(0.1 * sample(), 1, sample(), return_dict=whole))
    assert made[0].prev_sample.equal(made[1][0])
    assert made[0].pred_original_sample.equal(made[1][1])
    assert made[0].to_tuple()[0].equal(made[1][0])


def test_what_pipelines_read(kind: Any) -> None:
    scheduler = kind(**CONFIG)
    assert scheduler.init_noise_sigma == 1
    assert scheduler.order == 1
    assert len(scheduler) == 1000
    assert scheduler.scale_model_input(sample(), 0.0).equal(sample())
    assert scheduler.timesteps[0] == 999
    noisy = scheduler.add_noise(sample(), torch.ones_like(sample()), torch.tensor([10]))
    a = scheduler.alphas_cumprod[10]
    torch.testing.assert_close(noisy, a**0.5 * sample() + (1 - a) ** 0.5)
    for name in ("eta", "generator"):
        assert (name in inspect.signature(scheduler.step).parameters) is (kind is BDIAScheduler)
    assert "timesteps" in inspect.signature(scheduler.set_timesteps).parameters
    kinds = {each.kind for each in inspect.signature(kind.__init__).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


def test_betas_of_ones_own(kind: Any) -> None:
    scheduler = kind(**{**CONFIG, "trained_betas": np.array([0.1, 0.3])})
    for each in (scheduler, loaded(scheduler)):
        torch.testing.assert_close(each.betas, torch.tensor([0.1, 0.3]))


def test_the_configuration_is_no_attribute(kind: Any) -> None:
    scheduler = kind(**CONFIG)
    with pytest.warns(FutureWarning, match="gamma"):
        assert scheduler.gamma == 0.95
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scheduler.init_noise_sigma == 1
        assert scheduler.older is None


def test_ddims_variances() -> None:
    """diffusers' own figures, of its test of DDIM."""
    scheduler = BDIAScheduler(**{**CONFIG, "set_alpha_to_one": True, "steps_offset": 0})
    for t, before, value in (
        (0, 0, 0.0),
        (420, 400, 0.14771),
        (980, 960, 0.32460),
        (487, 486, 0.00979),
        (999, 998, 0.02),
    ):
        assert float(scheduler._get_variance(t, before)) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
    ("config", "total"),
    [
        ({}, 172.0067),
        ({"prediction_type": "v_prediction"}, 52.5302),
        ({"set_alpha_to_one": True, "beta_start": 0.01}, 149.8295),
        ({"set_alpha_to_one": False, "beta_start": 0.01}, 149.0784),
    ],
)
def test_ddims_whole_loops(config: dict[str, Any], total: float) -> None:
    """With gamma 0; diffusers' own figures, of its test of DDIM."""
    ddim = {"clip_sample": True, "set_alpha_to_one": True, "steps_offset": 0, "gamma": 0.0}
    fresh = BDIAScheduler(**{**CONFIG, **ddim, **config})
    for scheduler in (fresh, loaded(fresh)):
        z = (torch.arange(4 * 3 * 8 * 8).reshape(3, 8, 8, 4) / (4 * 3 * 8 * 8)).permute(3, 0, 1, 2)
        scheduler.set_timesteps(10)
        for t in scheduler.timesteps:
            z = scheduler.step(z * t / (t + 1), t, z, 0.0).prev_sample
        assert float(z.abs().sum()) == pytest.approx(total, abs=1e-2)


def test_no_steps_are_a_value_error(kind: Any) -> None:
    for scheduler in (kind(**CONFIG), loaded(kind(**CONFIG))):
        with pytest.raises(ValueError, match="num_inference_steps=0"):
            scheduler.set_timesteps(num_inference_steps=0)


def test_noise_enters_a_loaded_one_alike() -> None:
    fresh = BDIAScheduler(**CONFIG)
    for eta in (0.0, 0.5, 1.0):
        made = []
        for each in (fresh, loaded(fresh)):
            each.set_timesteps(50)
            generator = torch.Generator().manual_seed(0)
            made.append(each.step(0.1 * sample(), 10, sample(), eta=eta, generator=generator).prev_sample)
        assert made[0].equal(made[1])


def test_timesteps_of_the_offset() -> None:
    scheduler = BDIAScheduler(**{**CONFIG, "steps_offset": 1})
    scheduler.set_timesteps(5)
    assert scheduler.timesteps.tolist() == [801, 601, 401, 201, 1]


def test_it_is_saved_beside_others(kind: Any, tmp_path: Path) -> None:
    kind(**CONFIG).save_pretrained(tmp_path / "scheduler")
    assert kind.from_pretrained(tmp_path, subfolder="scheduler").config.gamma == 0.95
