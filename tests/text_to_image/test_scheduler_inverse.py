"""BDIAInverseScheduler: the formula's states in a loop of one's own, and the way back in an ordinary pipeline."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image import BDIAInverseScheduler, BDIAScheduler
from tests.text_to_image.pipelines import CASES, assert_meets, estimate, given, pipeline, widened, with_scheduler


def inverted(scheduler: Any, z: Tensor, output: Any) -> list[Tensor]:
    states = [z]
    for t in scheduler.timesteps:
        states.append(scheduler.step(output(states[-1], t), t, states[-1]).prev_sample)
    return states


def network(z: Tensor, t: Any) -> Tensor:
    return torch.sin(3 * z + float(t) / 300)


def test_as_the_formula_and_back_in_a_pipeline() -> None:
    """The references' round trip, by both schedulers alone."""
    case = "derived:bdia_gamma0.9_g1_trailing_one"
    facts = CASES[case]
    config = {name: facts[name] for name in ("set_alpha_to_one", "timestep_spacing", "steps_offset", "gamma")}
    back = widened(BDIAInverseScheduler.from_config(pipeline().scheduler.config, **config))
    back.set_timesteps(10)
    assert back.timesteps.tolist() == [0, *range(99, 999, 100)]
    eps = estimate("source")
    states = inverted(back, given("x0"), lambda z, t: eps.evaluate(z, float(t), eps.prompt))
    assert_meets(states, case, "inverse")
    last, before = back.pair
    assert last.equal(states[-1])
    assert before.equal(states[-2])

    forward = widened(BDIAScheduler.from_config(pipeline().scheduler.config, **config))
    forward.set_second(before)
    way = [last]

    def keep(pipe: Any, step: int, t: Any, made: dict[str, Tensor]) -> dict[str, Tensor]:
        way.append(made["latents"])
        return made

    asked = {"latents": last, "guidance_scale": 1.0, "num_inference_steps": 10, "output_type": "latent"}
    with_scheduler(pipeline(), forward)(prompt_embeds=given("emb_edit"), callback_on_step_end=keep, **asked)
    assert_meets(way, case, "edit")


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("offset", [0, 1])
def test_sampling_and_inverse_undo_each_other(spacing: str, predicts: str, offset: int) -> None:
    """From the pair of a sampling run, z_0 and z_1, to its start; offset 0 has a step of length zero."""
    config: dict[str, Any] = {
        "timestep_spacing": spacing,
        "prediction_type": predicts,
        "steps_offset": offset,
        "gamma": 1.0,
    }
    config |= {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    forward = widened(BDIAScheduler(**config))
    z = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    states = [z]
    forward.set_timesteps(7)
    for t in forward.timesteps:
        states.append(forward.step(network(states[-1], t), t, states[-1]).prev_sample)
    assert forward.older is not None
    assert forward.older.state.equal(states[-2])

    back = widened(BDIAInverseScheduler(**config))
    back.set_timesteps(7)
    back.set_second(states[-2])
    found = inverted(back, states[-1], network)
    for ours, theirs in zip(found, states[::-1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_what_it_refuses() -> None:
    back = BDIAInverseScheduler(gamma=0.9)
    with pytest.raises(UserError, match="gamma=0: DDIM"):
        BDIAInverseScheduler(gamma=0.0).set_timesteps(10)
    with pytest.raises(UserError, match="no step since"):
        _ = back.pair
    with pytest.raises(UserError, match="set_timesteps first"):
        back.step(given("x0"), 0, given("x0"))
    with pytest.raises(UserError, match=r"gamma=0.5: 50 steps .* float64"):
        BDIAInverseScheduler(gamma=0.5).set_timesteps(50)
    with pytest.warns(UserWarning, match=r"gamma=0.5: the inverse divides"):
        (low := BDIAInverseScheduler(gamma=0.5)).set_timesteps(20)
    with pytest.raises(UserError, match=r"gamma=0.5: 20 steps .* float32"):
        low.step(given("x0").float(), 0, given("x0").float())
    with pytest.warns(UserWarning, match="clip_sample"):
        clipping = BDIAInverseScheduler(clip_sample=True)
    with pytest.raises(UserError, match="clip_sample=True"):
        clipping.set_timesteps(10)
