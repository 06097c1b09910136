"""BDIAScheduler: DDIMScheduler's bits at gamma 0, the public code's states, and what pipelines ask of a scheduler."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DiffusionPipeline, EulerDiscreteScheduler, PNDMScheduler
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image import BDIAScheduler
from tests.text_to_image.pipelines import CASES, assert_meets, cases, given, pipeline, widened, with_scheduler

STABLE_DIFFUSION = {"set_alpha_to_one": False, "steps_offset": 1, "clip_sample": False}


def latents(seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def network(z: Tensor, t: Any) -> Tensor:
    return torch.sin(3 * z + float(t) / 300).to(z.dtype)


def run(scheduler: Any, z: Tensor, num_steps: int, **options: Any) -> list[Tensor]:
    scheduler.set_timesteps(num_steps)
    states = [z]
    for t in scheduler.timesteps:
        states.append(scheduler.step(network(states[-1], t), t, states[-1], **options).prev_sample)
    return states


def pair_of_schedulers(**config: Any) -> tuple[DDIMScheduler, BDIAScheduler]:
    ddim = DDIMScheduler(**{"beta_schedule": "scaled_linear", **STABLE_DIFFUSION, **config})
    return ddim, BDIAScheduler.from_config(ddim.config, gamma=0.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"prediction_type": "v_prediction"},
        {"prediction_type": "sample"},
        {"set_alpha_to_one": True, "steps_offset": 0},
        {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
        {"clip_sample": True, "clip_sample_range": 0.7},
        {"thresholding": True, "sample_max_value": 1.5},
        {"beta_schedule": "linear", "num_train_timesteps": 200},
        {"beta_schedule": "squaredcos_cap_v2"},
    ],
)
def test_gamma_0_is_diffusers_ddim_bit_for_bit(config: dict[str, Any], dtype: torch.dtype) -> None:
    ddim, ours = pair_of_schedulers(**config)
    for num_steps in (10, 50):
        assert ours.timesteps.equal(ddim.timesteps)
        theirs, found = (run(each, latents(1, dtype), num_steps) for each in (ddim, ours))
        assert all(a.equal(b) for a, b in zip(theirs, found, strict=True))
        assert found[-1].isfinite().all()


def test_gamma_0_is_ddim_with_its_noise_and_its_clipped_output() -> None:
    for options in ({"eta": 0.7}, {"eta": 1.0, "use_clipped_model_output": True}):
        ddim, ours = pair_of_schedulers(clip_sample=True)
        theirs, found = (
            run(each, latents(2), 7, generator=torch.Generator().manual_seed(3), **options) for each in (ddim, ours)
        )
        assert theirs[-1].equal(found[-1])


def test_linspace_goes_to_the_next_timestep_of_the_list_or_as_diffusers() -> None:
    ddim, ours = pair_of_schedulers(timestep_spacing="linspace")
    theirs, found = (run(each, latents(1), 10)[-1] for each in (ddim, ours))
    assert not theirs.equal(found)
    spaced = BDIAScheduler.from_config(ddim.config, gamma=0.0, next_timestep="spacing")
    assert run(spaced, latents(1), 10)[-1].equal(theirs)
    # The level that a step ends at is the one that the next begins at.
    ours.set_timesteps(10)
    exact = ours.step(latents(5), 999, 2 * latents(5)).pred_original_sample
    there = ours.alphas_cumprod[888]
    ours.set_timesteps(10)
    moved = ours.step(latents(5), 999, 2 * latents(5)).prev_sample
    torch.testing.assert_close(moved, there**0.5 * exact + (1 - there) ** 0.5 * latents(5))


def in_pipeline(scheduler: Any, case: str, num_steps: int | None, **options: Any) -> list[Tensor]:
    """The states of an ordinary StableDiffusionPipeline."""
    states = [given("xT")]

    def keep(pipe: Any, step: int, t: Any, made: dict[str, Tensor]) -> dict[str, Tensor]:
        states.append(made["latents"])
        return made

    with_scheduler(pipeline(), widened(scheduler))(
        prompt_embeds=given("emb_source"),
        negative_prompt_embeds=given("emb_uncond"),
        latents=given("xT"),
        guidance_scale=CASES[case]["guidance"],
        output_type="latent",
        callback_on_step_end=keep,
        **({} if num_steps is None else {"num_inference_steps": num_steps}),
        **options,
    )
    return states


@pytest.mark.parametrize(
    "case", [case for case in cases("bdia_sampling:official_n10_g7.5") if not case.endswith("gamma0")][:2]
)
def test_in_a_pipeline_as_the_authors_code(case: str) -> None:
    gamma = CASES[case]["gamma"]
    predicts = "v_prediction" if CASES[case]["prediction_type"] == "v" else "epsilon"
    scheduler = BDIAScheduler.from_config(pipeline().scheduler.config, gamma=gamma, prediction_type=predicts)
    assert_meets(in_pipeline(scheduler, case, 10), case, "x")


def test_in_a_pipeline_with_timesteps_of_ones_own() -> None:
    case = "bdia_sampling:official_n7_g7.5_gamma0.5"
    scheduler = BDIAScheduler.from_config(pipeline().scheduler.config, gamma=0.5)
    assert_meets(in_pipeline(scheduler, case, None, timesteps=[995, 853, 711, 569, 427, 285, 143, 1]), case, "x")


def test_in_a_pipeline_as_diffusers_linspace() -> None:
    case = "ddim_sampling:linspace_g7.5"
    config = {"gamma": 0.0, "timestep_spacing": "linspace", "next_timestep": "spacing"}
    assert_meets(in_pipeline(BDIAScheduler.from_config(pipeline().scheduler.config, **config), case, 10), case, "x")


def test_history_is_cleared_and_never_guessed() -> None:
    """The first step after set_timesteps is DDIM's, in the middle of the list too, and at the same timestep again."""
    ddim, _ = pair_of_schedulers()
    scheduler = BDIAScheduler.from_config(ddim.config, gamma=1.0)
    for _ in range(2):
        for each in (ddim, scheduler):
            each.set_timesteps(10)
        plain = ddim.step(latents(1), 401, latents(2)).prev_sample
        assert scheduler.older is None
        assert scheduler.step(latents(1), 401, latents(2)).prev_sample.equal(plain)
    assert scheduler.older is not None
    assert scheduler.older.timestep == 401
    assert scheduler.older.state.equal(latents(2))
    # What altered the latents in between (a mask) is seen: the history is what was handed in.
    a = scheduler.step(latents(3), 301, latents(4)).prev_sample
    other = copy.deepcopy(scheduler)
    level = scheduler.alphas_cumprod.double()
    x0 = (latents(4).double() - (1 - level[301]) ** 0.5 * latents(3).double()) / level[301] ** 0.5
    down = level[201] ** 0.5 * x0 + (1 - level[201]) ** 0.5 * latents(3).double()
    up = level[401] ** 0.5 * x0 + (1 - level[401]) ** 0.5 * latents(3).double()
    torch.testing.assert_close(a.double(), down + latents(2).double() - up, rtol=0, atol=1e-5)
    fresh = BDIAScheduler.from_config(scheduler.config)
    assert fresh.older is None, "another instance shares no history"
    assert other.older is not None


def test_image_to_image_and_inpainting_run() -> None:
    from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline

    base = pipeline(torch.float32)
    parts = {**base.components, "scheduler": BDIAScheduler.from_config(base.scheduler.config, gamma=0.5)}
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:] = 1
    asked = {"prompt": "a red cat", "image": picture, "strength": 0.5, "num_inference_steps": 6, "output_type": "np"}
    for kind, more in ((StableDiffusionImg2ImgPipeline, {}), (StableDiffusionInpaintPipeline, {"mask_image": mask})):
        pipe = kind(**parts, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        made = [pipe(**asked, **more, generator=torch.Generator().manual_seed(1)).images for _ in range(2)]
        assert np.isfinite(made[0]).all()
        assert (made[0] == made[1]).all(), "a second run starts without the first one's history"


def test_a_run_from_the_second_state_leads_to_it_once() -> None:
    scheduler = BDIAScheduler(gamma=1.0)
    plain = run(scheduler, latents(1), 5)
    scheduler.set_second(plain[1] + 1)
    moved = run(scheduler, latents(1), 5)
    assert moved[1].equal(plain[1] + 1)
    assert run(scheduler, latents(1), 5)[1].equal(plain[1])


def test_it_is_saved_with_a_pipeline_and_loaded(tmp_path: Path) -> None:
    scheduler = BDIAScheduler.from_config(pipeline(torch.float32).scheduler.config, gamma=0.3)
    with_scheduler(pipeline(torch.float32), scheduler).save_pretrained(tmp_path)
    loaded = DiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    assert type(loaded.scheduler) is BDIAScheduler
    names = [name for name in scheduler.config if name != "_use_default_values"]
    assert [loaded.scheduler.config[name] for name in names] == [scheduler.config[name] for name in names]
    assert loaded.scheduler.config.gamma == 0.3


def test_gamma_survives_another_schedulers_configuration() -> None:
    ours = BDIAScheduler(gamma=0.3)
    for kind in (DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler, PNDMScheduler):
        back = BDIAScheduler.from_config(kind.from_config(ours.config).config)
        assert {**back.config, "_use_default_values": 0} == {**ours.config, "_use_default_values": 0}


def test_what_another_configuration_lacks_is_stable_diffusions() -> None:
    """But for the betas: a model that was trained with diffusers' defaults keeps them."""
    scheduler = BDIAScheduler.from_config({"prediction_type": "v_prediction"})
    assert {name: scheduler.config[name] for name in STABLE_DIFFUSION} == STABLE_DIFFUSION
    for kind in (DDIMScheduler, DDPMScheduler):
        assert BDIAScheduler.from_config(kind().config).alphas_cumprod.equal(kind().alphas_cumprod)


def test_clipping_is_warned_of_where_it_spoils_bdia() -> None:
    with pytest.warns(UserWarning, match="clip_sample=True"):
        BDIAScheduler(clip_sample=True)
    with pytest.warns(UserWarning, match="thresholding=True"):
        BDIAScheduler(thresholding=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BDIAScheduler(clip_sample=True, gamma=0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"gamma": 1.1}, "gamma=1.1"), ({"gamma": True}, "gamma=True"), ({"next_timestep": "last"}, "next_timestep=last")],
)
def test_wrong_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        BDIAScheduler(**options)


def test_wrong_timesteps() -> None:
    scheduler = BDIAScheduler()
    with pytest.raises(UserError, match="set_timesteps first"):
        scheduler.step(latents(1), 1, latents(1))
    for options, words in (
        ({}, "either"),
        ({"num_inference_steps": 3, "timesteps": [3, 2]}, "either"),
        ({"num_inference_steps": 0}, "from 1 to 1000"),
        ({"num_inference_steps": 1000}, "first timestep is over 999"),
        ({"timesteps": [1, 5]}, "falling"),
        ({"timesteps": [1000, 5]}, "falling"),
        ({"timesteps": []}, "falling"),
    ):
        with pytest.raises(UserError, match=words):
            scheduler.set_timesteps(**options)
    scheduler.set_timesteps(2)
    with pytest.raises(UserError, match="either generator or variance_noise"):
        scheduler.step(latents(1), 1, latents(1), eta=1.0, generator=torch.Generator(), variance_noise=latents(2))
