"""Every state of a round trip, not its ends alone, by the methods' own generators."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from bdia_edm.samplers.grid import snap
from bdia_edm.text_to_image.bdia import bdia, bdia_back
from bdia_edm.text_to_image.edict import edict, edict_back
from bdia_edm.text_to_image.levels import levels_of
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate, Prompt
from bdia_edm.text_to_image.obelm import obelm
from bdia_edm.text_to_image.pictures import encode
from tests.text_to_image.pipelines import estimate, given, pipeline


def pictures() -> Tensor:
    """Latents (3, 4, 8, 8) of the references' picture, of noise, and of black and white halves."""
    noise = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    halves = np.zeros((16, 16, 3), dtype=np.uint8)
    halves[:, 8:] = 255
    vae = pipeline(torch.float64).vae
    made = [encode(vae, each, "cpu", torch.float64) for each in (given("image").numpy(), noise, halves)]
    return torch.cat(made)


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize(("method", "options"), [("bdia", {"gamma": 1.0}), ("bdia", {"gamma": 0.96}), ("obelm", {})])
def test_two_step_methods_pass_the_same_states(method: str, options: dict[str, float], guidance: float) -> None:
    """In float64 to 1e-9, 8 steps, every state of three pictures at once."""
    levels = levels_of(pipeline().scheduler, 8)
    forward, back = {"bdia": (bdia, bdia_back), "obelm": (obelm, obelm)}[method]
    up = [pictures()]
    up += back(estimate("source", guidance), up[0], levels[::-1], **options)
    down = [up[-1], *forward(estimate("source", guidance), up[-1], levels, second=up[-2], **options)]
    assert len(up) == len(down) == 9
    for there, here in zip(up, down[::-1], strict=True):
        torch.testing.assert_close(here, there, rtol=0, atol=1e-9)
    # And the states differ from one another: nothing stood still.
    assert min(float((a - b).abs().max()) for a, b in pairwise(up)) > 1e-2


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("steps", [4, 5])
def test_edict_passes_the_same_pairs(steps: int, guidance: float) -> None:
    levels = levels_of(pipeline().scheduler, steps)
    z = pictures()
    up = [torch.stack([z, z]), *edict_back(estimate("source", guidance), z, z, levels[::-1], p=0.93)]
    down = [up[-1], *edict(estimate("source", guidance), *up[-1], levels, p=0.93)]
    assert len(up) == len(down) == steps + 1
    for there, here in zip(up, down[::-1], strict=True):
        torch.testing.assert_close(here, there, rtol=0, atol=1e-9)
    assert min(float((a - b).abs().max()) for a, b in pairwise(up)) > 1e-2


@pytest.mark.parametrize(
    ("dtype", "guidance"),
    # Half types are slow on a CPU.
    [(torch.float32, 1.0), (torch.float32, 7.5), (torch.float16, 7.5), (torch.bfloat16, 7.5)],
)
def test_the_grids_states_are_the_same_bits(dtype: torch.dtype, guidance: float) -> None:
    """50 steps, three pictures, networks of three types: each state up and down, z_0 and z_N among them."""
    unet = pipeline(dtype).unet
    c, u = Prompt(given("emb_source")), Prompt(given("emb_uncond"))
    levels = levels_of(pipeline().scheduler, 50)

    def eps() -> NoiseEstimate:
        return NoiseEstimate(unet, "epsilon", c, u, guidance)

    up = [snap(pictures())]
    up += bdia_back(eps(), up[0], levels[::-1], gamma=1.0, on_grid=True)
    down = [up[-1], *bdia(eps(), up[-1], levels, gamma=1.0, on_grid=True, second=up[-2])]
    assert len(up) == len(down) == 51
    assert all(state.dtype == torch.float64 for state in up)
    assert all(here.equal(there) for there, here in zip(up, down[::-1], strict=True))
    assert all(bool(((state * 2.0**40) == (state * 2.0**40).round()).all()) for state in up)
    assert 0.8 < float(up[-1].std()) < 2


def test_a_network_of_another_bit_is_noticed() -> None:
    """The fault: on the way down the network's output is a hair off once, and no later state is the same."""
    levels = levels_of(pipeline().scheduler, 10)
    up = [snap(pictures())]
    up += bdia_back(estimate(), up[0], levels[::-1], gamma=1.0, on_grid=True)
    eps = estimate()
    exact, asked = eps.evaluate, []

    def off_once(z: Tensor, time: float, prompt: Prompt) -> Tensor:
        asked.append(time)
        return exact(z, time, prompt) + (1e-9 if len(asked) == 4 else 0)

    eps.evaluate = off_once  # type: ignore[method-assign]
    down = [up[-1], *bdia(eps, up[-1], levels, gamma=1.0, on_grid=True, second=up[-2])]
    same = [here.equal(there) for there, here in zip(up, down[::-1], strict=True)][::-1]
    assert same == [True] * 5 + [False] * 6
