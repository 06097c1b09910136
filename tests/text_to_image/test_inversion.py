"""invert and edit on a pipeline: the formula's states, exact round trips, evaluations, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EDMEulerScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    UNet2DConditionModel,
)
from PIL import Image

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image import BDIAScheduler, edit, invert, sample
from bdia_edm.text_to_image.pictures import rms
from tests.text_to_image.pipelines import CASES, array, given, pipeline, probe_agrees, with_scheduler
from tests.text_to_image.xl import xl_pipeline

SOURCE, EDIT = "a photo of a red cat", "a photo of a blue dog"
EXACT = ["bdia", "edict", "obelm"]


def picture() -> np.ndarray:
    return given("image").numpy()


def inverted(method: str, guidance: float, *, dtype: Any = torch.float64, **options: Any) -> Any:
    asked = {"num_inference_steps": 10, "guidance_scale": guidance, "strength": 1.0, **options}
    return invert(pipeline(dtype), picture(), SOURCE, method=method, **asked)


@pytest.mark.parametrize("case", ["derived:bdia_gamma0.96_g3_s0.8", "derived:edict_g3_s0.7", "derived:obelm_g3_s0.8"])
def test_a_picture_and_prompts_give_the_formulas_states(case: str) -> None:
    facts = CASES[case]
    options = {name: facts[name] for name in ("gamma", "p", "strength") if facts[name] is not None}
    found = inverted(facts["method"], facts["guidance"], **options)
    torch.testing.assert_close(found.latent, given("x0"), rtol=0, atol=1e-12)
    inverse, way = array(case, "inverse"), array(case, "edit")
    last = inverse[-1] if facts["method"] == "edict" else inverse[[-1, -2]]
    tolerance = 1e-10 if probe_agrees() else 1e-5
    torch.testing.assert_close(found.kept.states[:, 0], last, rtol=0, atol=tolerance * float(inverse.abs().max()))
    made = edit(pipeline(), found, EDIT)
    wanted = way[-1, :1] if facts["method"] == "edict" else way[-1:]
    torch.testing.assert_close(made.latent, wanted, rtol=0, atol=tolerance * float(way.abs().max()))
    assert (found.picture == picture()).all()


@pytest.mark.parametrize(
    ("method", "deviation", "evaluations"),
    [("bdia", 1.23, (20, 18)), ("edict", 1.37, (40, 40)), ("obelm", 1.43, (20, 18))],
)
def test_exact_methods_come_back_and_count_their_evaluations(
    method: str, deviation: float, evaluations: tuple[int, int]
) -> None:
    """To the state's rounding, with a float32 network; the deviations of z_N are the references' own."""
    gamma = {"gamma": 1.0} if method == "bdia" else {}
    found = inverted(method, 7.5, dtype=torch.float32, **gamma)
    made = edit(pipeline(torch.float32), found)
    assert rms(made.latent, found.latent) < 1e-12
    assert (made.picture == found.vae_picture).all()
    assert found.deviation == pytest.approx(deviation, abs=0.006)
    assert (found.settings.evaluations, made.evaluations) == evaluations

    narrow = inverted(method, 7.5, dtype=torch.float32, state_dtype=torch.float32, num_inference_steps=5, **gamma)
    made = edit(pipeline(torch.float32), narrow)
    assert narrow.kept.states.dtype == made.latent.dtype == torch.float32
    assert 0 < rms(made.latent, narrow.latent) < 1e-4


@pytest.mark.parametrize(("guidance", "error", "deviation"), [(1.0, 0.19, 0.97), (7.5, 0.33, 1.24)])
def test_ddim_comes_back_as_far_as_was_reported(guidance: float, error: float, deviation: float) -> None:
    """Asked where it comes from; where the step goes, as diffusers does and our default is, it comes back nearer."""
    found = inverted("ddim", guidance, dtype=torch.float32, network_time="here")
    made = edit(pipeline(torch.float32), found)
    assert rms(made.latent, found.latent) == pytest.approx(error, abs=0.006)
    assert found.deviation == pytest.approx(deviation, abs=0.006)
    assert found.settings.evaluations == made.evaluations == (10 if guidance == 1 else 20)
    nearer = inverted("ddim", guidance, dtype=torch.float32)
    assert rms(edit(pipeline(torch.float32), nearer).latent, nearer.latent) < 0.8 * error


def test_negative_prompt_comes_back_as_far_as_was_reported() -> None:
    """10 steps, guidance 3, which cancels on the way back with the source prompt."""
    found = inverted("negative_prompt", 3.0, dtype=torch.float32)
    made = edit(pipeline(torch.float32), found)
    assert rms(made.latent, found.latent) == pytest.approx(0.14, abs=0.006)
    assert found.settings.evaluations == made.evaluations == 10
    assert edit(pipeline(torch.float32), found, EDIT).evaluations == 20


def test_null_text_by_its_reference() -> None:
    case = "null_text:n5_inner10_g7.5_early"
    found = inverted("null_text", 7.5, num_inference_steps=5, early_stop=0.1)
    tolerance = 1e-9 if probe_agrees() else 1e-4
    assert float((found.kept.negatives - array(case, "uncond")).abs().max()) < tolerance * 10
    assert found.settings.evaluations == 5 + len(array(case, "losses")) + 15
    assert found.settings.gradients == len(array(case, "losses"))
    made = edit(pipeline(), found, EDIT)
    torch.testing.assert_close(made.latent, array(case, "edit")[-1:], rtol=0, atol=tolerance * 10)
    with pytest.raises(UserError, match=r"guidance_scale=3.0: must be 7.5"):
        edit(pipeline(), found, EDIT, guidance_scale=3.0)
    with pytest.raises(UserError, match="negative_prompt: method=null_text has its own"):
        edit(pipeline(), found, EDIT, "ugly")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_every_state_comes_back_bit_for_bit(dtype: torch.dtype, guidance: float) -> None:
    """gamma 1 on the grid, with networks of three types; 50 steps with float32, on a picture of noise."""
    num_steps = 50 if dtype == torch.float32 else 8
    pipe = pipeline(dtype)
    noise = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    up, down = [], []

    def seen(states: list[torch.Tensor]) -> Any:
        return pipe.unet.register_forward_pre_hook(lambda unet, inputs: states.append(inputs[0][:1].clone()))

    asked = {"num_inference_steps": num_steps, "guidance_scale": guidance, "strength": 1.0}
    with seen(up):
        found = invert(pipe, noise, SOURCE, gamma=1.0, arithmetic="grid", **asked)
    with seen(down):
        made = edit(pipe, found)
    assert made.latent.equal(found.latent)
    assert made.latent.dtype == torch.float64
    # What the network saw: z_0 alone is seen on the way up only.
    assert len(up) == num_steps
    assert all(a.equal(b) for a, b in zip(up[1:], down[::-1], strict=True))
    on_grid = found.kept.states * 2.0**40
    assert on_grid.equal(on_grid.round())


def test_the_grid_changes_nothing_that_float32_shows() -> None:
    """Every state, both ways, by the solvers themselves; and against plain arithmetic."""
    plain, grid = (inverted("bdia", 3.0, gamma=1.0, arithmetic=each) for each in ("float", "grid"))
    assert float((plain.kept.states - grid.kept.states).abs().max()) < 1e-9
    a, b = (edit(pipeline(), each, EDIT) for each in (plain, grid))
    assert float((a.latent - b.latent).abs().max()) < 1e-9
    assert (a.picture == b.picture).all()


@pytest.mark.parametrize("method", EXACT)
def test_a_sample_with_its_partner_returns_to_its_noise(method: str) -> None:
    pipe = pipeline(torch.float32)
    latents = given("xT")
    gamma = {"gamma": 1.0, "arithmetic": "grid"} if method == "bdia" else {}
    asked = {"method": method, "num_inference_steps": 6, "guidance_scale": 1.0, **gamma}
    made = sample(pipe, SOURCE, latents=latents, **asked)
    assert made.evaluations == {"edict": 12}.get(method, 6)
    found = invert(pipe, made.latent, SOURCE, second=made.second, strength=1.0, **asked)
    assert rms(found.kept.states[0], latents) < (1e-11 if method == "bdia" else 1e-10)
    alone = invert(pipe, made.latent, SOURCE, strength=1.0, **asked)
    assert rms(alone.kept.states[0], latents) > 1e-3, "of the picture's latent alone it is not exact"
    assert (found.picture == made.picture).all()


def test_sampling_is_that_of_an_ordinary_pipeline() -> None:
    for base, tolerance in ((pipeline(torch.float32), 1e-4), (xl_pipeline(), 1e-4)):
        scheduler = BDIAScheduler.from_config(base.scheduler.config, gamma=0.5)
        pipe = with_scheduler(base, scheduler)
        latents = given("xT").float()
        asked = {"num_inference_steps": 5, "guidance_scale": 5.0, "latents": latents}
        size = {"height": 16, "width": 16}
        theirs = pipe(SOURCE, output_type="latent", **asked, **size).images
        ours = sample(base, SOURCE, gamma=0.5, state_dtype=torch.float32, **asked)
        torch.testing.assert_close(ours.latent, theirs, rtol=0, atol=tolerance)
        drawn = sample(base, SOURCE, generator=torch.Generator().manual_seed(5), num_inference_steps=2)
        assert drawn.picture.shape == (16, 16, 3)


def test_float32_alone_agrees_with_the_authors_code() -> None:
    case = "bdia_sampling:official_n10_g7.5_gamma0.5"
    asked = {"num_inference_steps": 10, "guidance_scale": 7.5, "latents": given("xT"), "gamma": 0.5}
    made = sample(pipeline(torch.float32), SOURCE, state_dtype=torch.float32, **asked)
    wanted = array(case, "x")
    assert float((made.latent - wanted[-1:]).abs().max()) < 1e-4 * float(wanted.abs().max())


def test_another_type_of_network_is_warned_of() -> None:
    found = inverted("bdia", 1.0, dtype=torch.float32, num_inference_steps=2)
    with pytest.warns(UserWarning, match="its network is float64, the picture was inverted with float32"):
        edit(pipeline(), found)


def test_sdxl_comes_back() -> None:
    found = invert(xl_pipeline(), picture(), SOURCE, num_inference_steps=5, strength=1.0, gamma=1.0, arithmetic="grid")
    made = edit(xl_pipeline(), found)
    assert made.latent.equal(found.latent)
    assert not edit(xl_pipeline(), found, EDIT).latent.equal(found.latent)


def test_low_memory_evaluates_one_at_a_time() -> None:
    batches: list[int] = []
    pipe = pipeline(torch.float32)
    with pipe.unet.register_forward_pre_hook(lambda unet, inputs: batches.append(len(inputs[0]))):
        low = inverted("bdia", 3.0, dtype=torch.float32, low_memory=True, num_inference_steps=4)
        edit(pipe, low)
    assert batches == [1] * (8 + 6)
    usual = inverted("bdia", 3.0, dtype=torch.float32, num_inference_steps=4)
    assert low.settings.evaluations == usual.settings.evaluations == 8
    torch.testing.assert_close(low.kept.states, usual.kept.states, rtol=0, atol=1e-4)


def test_a_float16_autoencoder_is_upcast_as_it_asks() -> None:
    pipe = pipeline(torch.float16)
    assert pipe.vae.config.force_upcast
    found = inverted("bdia", 1.0, dtype=torch.float16, num_inference_steps=2)
    full = inverted("bdia", 1.0, dtype=torch.float32, num_inference_steps=2)
    # Its weights alone are rounded.
    torch.testing.assert_close(found.latent, full.latent, rtol=0, atol=2e-2)
    assert pipe.vae.dtype == torch.float16


def test_v_prediction_and_other_schedulers_give_the_levels() -> None:
    base = pipeline(torch.float32)
    same = inverted("bdia", 1.0, dtype=torch.float32, num_inference_steps=4, gamma=1.0)
    euler = with_scheduler(base, EulerDiscreteScheduler.from_config(base.scheduler.config))
    other = invert(euler, picture(), SOURCE, num_inference_steps=4, guidance_scale=1.0, strength=1.0, gamma=1.0)
    assert other.kept.states.equal(same.kept.states)
    v = with_scheduler(base, DDIMScheduler.from_config(base.scheduler.config, prediction_type="v_prediction"))
    as_v = invert(v, picture(), SOURCE, num_inference_steps=4, guidance_scale=1.0, strength=1.0, gamma=1.0)
    assert not as_v.kept.states.equal(same.kept.states)
    assert rms(edit(v, as_v).latent, as_v.latent) < 1e-10
    with pytest.raises(UserError, match=r"predicts v_prediction.*one of epsilon"):
        edit(v, same)


def test_published_settings_are_the_defaults() -> None:
    """BDIA's editing: 50 steps, guidance 3, strength 0.8, gamma 0.94."""
    calls: list[int] = []
    with pipeline(torch.float32).unet.register_forward_pre_hook(lambda unet, inputs: calls.append(len(inputs[0]))):
        found = invert(pipeline(torch.float32), picture(), SOURCE)
    assert calls == [2] * 40
    assert found.settings.guidance_scale == 3
    assert found.method.options() == {"seed": "time_0", "gamma": 0.94, "arithmetic": "float"}


def test_a_schedule_that_ends_in_noise_alone() -> None:
    """With v prediction, as zero-SNR models have it: alpha is 0 at the highest level."""
    base = pipeline(torch.float32)
    config = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    pipe = with_scheduler(base, DDIMScheduler.from_config(base.scheduler.config, **config))
    asked = {"num_inference_steps": 4, "guidance_scale": 1.0, "strength": 1.0}
    found = invert(pipe, picture(), SOURCE, gamma=1.0, arithmetic="grid", **asked)
    assert found.levels[0].alpha == 0
    assert edit(pipe, found).latent.equal(found.latent)
    refused("method=edict divides", pipe=pipe, method="edict", **asked)


def refused(words: str, pipe: Any = None, image: Any = None, prompt: Any = SOURCE, **options: Any) -> None:
    """invert ends in one line before the first evaluation."""
    pipe = pipeline(torch.float32) if pipe is None else pipe
    calls: list[int] = []
    unet = getattr(pipe, "unet", None)
    hook = unet.register_forward_pre_hook(lambda *_: calls.append(1)) if unet is not None else None
    try:
        with pytest.raises(UserError, match=words) as raised:
            invert(pipe, picture() if image is None else image, prompt, **options)
    finally:
        if hook is not None:
            hook.remove()
    assert "\n" not in str(raised.value)
    assert calls == []


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (r"method=bdea: must be one of bdia, .*did you mean bdia", {"method": "bdea"}),
        (r"gamma: method=edict has no such option; it is of bdia", {"method": "edict", "gamma": 1.0}),
        (r"gama: unknown option; method=bdia has arithmetic, gamma, seed.*did you mean gamma", {"gama": 1.0}),
        (r"gamma=2", {"gamma": 2.0}),
        (r"gamma=0: DDIM, which has no exact inverse", {"gamma": 0.0}),
        (r"gamma=0.5: 40 steps of the inverse .* float32", {"gamma": 0.5, "state_dtype": torch.float32}),
        (r"gamma=0.9: must be 1 beside arithmetic=grid", {"gamma": 0.9, "arithmetic": "grid"}),
        (r"state_dtype=torch.float32", {"gamma": 1.0, "arithmetic": "grid", "state_dtype": torch.float32}),
        (r"state_dtype=torch.float16", {"state_dtype": torch.float16}),
        (r"guidance_scale=nan", {"guidance_scale": float("nan")}),
        (r"guidance_scale=1.*no null text", {"method": "null_text", "guidance_scale": 1.0}),
        (r"strength=0", {"strength": 0}),
        (r"strength=0.01: must be at least 0.1", {"strength": 0.01, "num_inference_steps": 10}),
        (r"strength: it leaves 1 step; must leave 2", {"strength": 0.1, "num_inference_steps": 10}),
        (r"num_inference_steps=0", {"num_inference_steps": 0}),
        (r"num_inference_steps=1000: must be less", {"num_inference_steps": 1000}),
        (r"timesteps=\[1, 5\]", {"timesteps": [1, 5]}),
        (r"strength=high: must be a number", {"strength": "high"}),
        (r"timesteps=\[500.5, 3\]: must be falling", {"timesteps": [500.5, 3]}),
        (r"timesteps=abc: must be falling", {"timesteps": "abc"}),
        (r"low_memory=yes: must be True or False", {"low_memory": "yes"}),
        (r"set_alpha_to_one=1: must be True or False", {"set_alpha_to_one": 1}),
        (r"second: must be a tensor", {"second": 3}),
        (r"second: shape=\(1, 4, 2\)", {"second": torch.zeros(1, 4, 2)}),
        (r"second: method=ddim takes no partner", {"method": "ddim", "second": torch.zeros(1, 4, 8, 8)}),
        (r"prompt=a photo.*tokens.*77 at most", {"prompt": "a photo of a red cat " * 40}),
        (r"prompt: must be a text", {"prompt": ["a", "b"]}),
        (r"negative_prompt=.*77 at most", {"negative_prompt": "blue " * 200}),
        (r"image: it has 15 x 16 pixels", {"image": Image.new("RGB", (15, 16))}),
        (r"image: its mode is RGBA", {"image": Image.new("RGBA", (16, 16))}),
        (r"image: must be a PIL image.*float64", {"image": np.zeros((16, 16, 3))}),
        (r"image: must be a PIL image.*str", {"image": "cat.png"}),
        (r"image: shape=\(1, 3, 8, 8\)", {"image": torch.zeros(1, 3, 8, 8)}),
        (r"image: type=.*finite", {"image": torch.full((1, 4, 8, 8), torch.nan)}),
    ],
)
def test_bad_options(words: str, options: dict[str, Any]) -> None:
    refused(words, **options)


def test_bad_schedulers() -> None:
    base = pipeline(torch.float32)
    config = base.scheduler.config
    for scheduler, words in (
        (FlowMatchEulerDiscreteScheduler(), "flow-matching"),
        (EDMEulerScheduler(), "EDM"),
        (DDIMScheduler.from_config(config, clip_sample=True), "clip_sample=True"),
        (DDIMScheduler.from_config(config, thresholding=True), "thresholding=True"),
        (DDIMScheduler.from_config(config, rescale_betas_zero_snr=True, timestep_spacing="trailing"), "noise alone"),
    ):
        refused(words, pipe=_loose(base, scheduler), strength=1.0)
    sample_at_one = DDIMScheduler.from_config(config, prediction_type="sample", set_alpha_to_one=True)
    refused("predicts data divides", pipe=_loose(base, sample_at_one))
    offset_0 = DDIMScheduler.from_config(config, steps_offset=0)
    refused("length zero", pipe=_loose(base, offset_0), method="obelm")


class _Loose:
    """A pipeline's parts without its own checks."""

    def __init__(self, base: Any, **parts: Any) -> None:
        self.__dict__.update({**base.components, "config": base.config, "_execution_device": "cpu", **parts})


def _loose(base: Any, scheduler: Any) -> Any:
    return _Loose(base, scheduler=scheduler)


def test_bad_pipelines() -> None:
    base = pipeline(torch.float32)
    inpainting = UNet2DConditionModel.from_config(base.unet.config, in_channels=9)
    distilled = UNet2DConditionModel.from_config(base.unet.config, time_cond_proj_dim=4)
    refused("takes 9 channels", pipe=_Loose(base, unet=inpainting))
    refused("distilled", pipe=_Loose(base, unet=distilled))
    refused("has a transformer", pipe=_Loose(base, transformer=base.unet))
    refused("no vae", pipe=_Loose(base, vae=None))
    refused("refiner", pipe=_Loose(base, config={**base.config, "requires_aesthetics_score": True}))


def test_an_autoencoder_that_overflows_is_told_before_the_first_evaluation() -> None:
    base = pipeline(torch.float32)
    vae = type(base.vae).from_config(base.vae.config)
    vae.quant_conv.weight.data.fill_(torch.inf)
    refused("autoencoder encodes to NaN", pipe=_Loose(base, vae=vae))


def test_a_low_gamma_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"gamma=0.5: the inverse divides"):
        inverted("bdia", 1.0, dtype=torch.float32, gamma=0.5, num_inference_steps=3)


def test_sampling_needs_a_method_that_samples() -> None:
    with pytest.raises(UserError, match="method=null_text"):
        sample(pipeline(torch.float32), SOURCE, method="null_text")
