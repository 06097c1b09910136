"""What makes pictures of prompts: which options each has, and that those of diffusers are diffusers' own pipelines'."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.generation_config import GenerationConfig
from bdia_edm.text_to_image.generating.samplers import make_prompt_sampler, sampler_names
from bdia_edm.text_to_image.generating.scheduled import SCHEDULERS
from bdia_edm.text_to_image.method import METHODS
from tests.text_to_image.generating.given import config_of
from tests.text_to_image.pipelines import pipeline, with_scheduler
from tests.text_to_image.xl import xl_pipeline

CPU = torch.device("cpu")
NOISE = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3))


def made(folder: Path, pipe: Any = None, **changes: Any) -> tuple[np.ndarray, int]:
    sampler = make_prompt_sampler(config_of(folder, num_inference_steps=4, **changes), CPU)
    pipe = pipeline(torch.float32) if pipe is None else pipe
    sampler.check(pipe)
    return sampler.make(pipe, "a red cat", NOISE)


def by_diffusers(scheduler: Any, pipe: Any = None, **options: Any) -> np.ndarray:
    """The picture by the pipeline of diffusers itself, from the same noise."""
    own = with_scheduler(pipeline(torch.float32) if pipe is None else pipe, scheduler)
    asked = {"num_inference_steps": 4, "guidance_scale": 7.5, "negative_prompt": "", **options}
    picture = own("a red cat", latents=NOISE.clone(), output_type="np", **asked).images[0]
    return np.round(picture * 255).astype(int)


def test_ddim_is_diffusers_own_pipeline(tmp_path: Path) -> None:
    """To rounding: ours has its states in float64."""
    base = pipeline(torch.float32)
    picture, evaluations = made(tmp_path, sampler="ddim")
    assert np.abs(picture - by_diffusers(DDIMScheduler.from_config(base.scheduler.config))).max() <= 1
    assert evaluations == 8


@pytest.mark.parametrize("name", SCHEDULERS)
def test_those_of_diffusers_are_its_own_pipelines(tmp_path: Path, name: str) -> None:
    evaluations = {"heun": 14, "pndm": 10}.get(name, 8)
    more = {"skip_prk_steps": True} if name == "pndm" else {}
    kind = getattr(diffusers, SCHEDULERS[name].kind)
    wanted = by_diffusers(kind.from_config(pipeline(torch.float32).scheduler.config, **more))
    picture, counted = made(tmp_path, sampler=name)
    assert np.array_equal(picture, wanted)
    assert counted == evaluations
    half, same = made(tmp_path, sampler=name, low_memory=True)
    assert np.abs(half.astype(int) - picture).max() <= 1
    assert same == evaluations
    assert made(tmp_path, sampler=name, guidance_scale=1)[1] == evaluations // 2


def test_an_xl_pipeline(tmp_path: Path) -> None:
    pipe = xl_pipeline()
    scheduler = diffusers.EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    sizes = {"height": 16, "width": 16, "negative_prompt": None}
    picture, evaluations = made(tmp_path, pipe, sampler="euler")
    assert np.abs(picture - by_diffusers(scheduler, pipe, **sizes)).max() <= 1
    assert evaluations == 8
    assert made(tmp_path, pipe, sampler="bdia")[0].shape == (16, 16, 3)


def test_gamma_0_is_ddim_bit_for_bit_and_others_are_not(tmp_path: Path) -> None:
    ddim = made(tmp_path, sampler="ddim")[0]
    assert np.array_equal(made(tmp_path, sampler="bdia", gamma=0.0)[0], ddim)
    assert not np.array_equal(made(tmp_path, sampler="bdia")[0], ddim)


def test_evaluations_of_ours(tmp_path: Path) -> None:
    counted = {name: made(tmp_path, sampler=name)[1] for name in ("bdia", "ddim", "edict", "obelm")}
    assert counted == {"bdia": 8, "ddim": 8, "edict": 16, "obelm": 8}


def test_defaults_are_those_for_sampling(tmp_path: Path) -> None:
    sampler = make_prompt_sampler(config_of(tmp_path), CPU)
    assert (sampler.columns, sampler.label, sampler.title) == ({"gamma": 0.5}, "bdia", "BDIA")
    edict = make_prompt_sampler(config_of(tmp_path, sampler="edict", leapfrog="off", state_dtype="float32"), CPU)
    assert (edict.columns, edict.label) == ({"p": 0.93}, "edict leapfrog=off state_dtype=float32")
    heun = make_prompt_sampler(config_of(tmp_path, sampler="heun"), CPU)
    assert (heun.columns, heun.label) == ({}, "heun")
    named = [make_prompt_sampler(config_of(tmp_path, sampler=name), CPU) for name in sampler_names()]
    assert [each.name for each in named if each.is_baseline] == ["ddim"]
    assert {"bdia", "ddim", "edict", "obelm", *SCHEDULERS} == {each.name for each in named}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": "bida"}, "sampler=bida: must be one of bdia, ddim, edict, obelm, dpmpp"),
        ({"sampler": "null_text"}, "sampler=null_text: must be one of"),
        ({"sampler": "ddim", "gamma": 0.5}, "gamma=0.5: sampler=ddim has no such option; leave it out"),
        ({"sampler": "euler", "p": 0.9}, "p=0.9: sampler=euler has no such option"),
        ({"sampler": "heun", "set_alpha_to_one": True}, "set_alpha_to_one=true: sampler=heun has no such option"),
        ({"sampler": "unipc", "state_dtype": "float64"}, "state_dtype=float64: sampler=unipc takes float32 alone"),
    ],
)
def test_mistakes(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        make_prompt_sampler(config_of(tmp_path, **changes), CPU)


def test_what_a_scheduler_cannot_do_is_said_before_the_first_evaluation(tmp_path: Path) -> None:
    base = pipeline(torch.float32)
    of_data = with_scheduler(base, DDIMScheduler.from_config(base.scheduler.config, prediction_type="sample"))
    sampler = make_prompt_sampler(config_of(tmp_path, sampler="pndm"), CPU)
    with pytest.raises(UserError, match=r"^sampler=pndm: diffusers' PNDMScheduler with num_inference_steps=2 does not"):
        sampler.check(of_data)
    sampler = make_prompt_sampler(config_of(tmp_path, sampler="dpmpp", num_inference_steps=999), CPU)
    with pytest.raises(UserError, match="ends in NaN or infinity"):
        sampler.check(base)


@pytest.mark.parametrize(("name", "method"), [("gamma", "bdia"), ("p", "edict"), ("leapfrog", "edict")])
def test_an_option_of_a_method_has_its_range(name: str, method: str) -> None:
    """``GenerationConfig`` is read without the extra, so it writes them once more, with sampling's defaults."""
    (ours,) = (facts for found, facts in options_of(GenerationConfig) if found.name == name)
    (own,) = (facts for found, facts in options_of(METHODS[method]) if found.name == name)
    for each in ("low", "high"):
        assert getattr(ours, each) == getattr(own, each)
    assert set(ours.one_of) <= set(own.one_of)
