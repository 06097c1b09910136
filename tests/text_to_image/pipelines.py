"""The tiny pipeline, in the types that tests ask for, and the reference arrays that public programs made with it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from bdia_edm.text_to_image.noise_estimate import NoiseEstimate, Prompt

HERE = Path(__file__).parent
PIPELINE = HERE / "tiny_pipeline"
REFERENCE = HERE.parent / "reference" / "text_to_image"
CASES: dict[str, dict[str, Any]] = json.loads((REFERENCE / "cases.json").read_text())


@cache
def pipeline(dtype: torch.dtype = torch.float64) -> StableDiffusionPipeline:
    """The pipeline; cached, so not to be changed."""
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE, dtype=torch.float32, local_files_only=True)
    for part in (pipe.unet, pipe.vae, pipe.text_encoder):
        part.to(dtype)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def with_scheduler(pipe: Any, scheduler: Any) -> Any:
    """The same networks with another scheduler."""
    parts = {**pipe.components, "scheduler": scheduler}
    made = type(pipe)(**parts, **({} if "text_encoder_2" in parts else {"requires_safety_checker": False}))
    made.set_progress_bar_config(disable=True)
    return made


def widened(scheduler: Any) -> Any:
    """The scheduler with its table in float64."""
    scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
    scheduler.final_alpha_cumprod = (
        torch.tensor(1.0, dtype=torch.float64) if scheduler.config.set_alpha_to_one else scheduler.alphas_cumprod[0]
    )
    return scheduler


@cache
def arrays(file: str) -> dict[str, Tensor]:
    with np.load(REFERENCE / file) as found:
        return {name: torch.from_numpy(found[name]) for name in found}


def given(name: str) -> Tensor:
    """An array of inputs.npz."""
    return arrays("inputs.npz")[name]


def array(case: str, name: str) -> Tensor:
    file, _, inner = case.partition(":")
    return arrays(f"{file}.npz")[f"{inner}/{name}"]


def cases(*starts: str) -> list[str]:
    """The names of all cases that begin with one of these."""
    return sorted(name for name in CASES if name.startswith(starts))


def estimate(
    prompt: str = "source", guidance: float = 1.0, *, predicts: str = "epsilon", **options: Any
) -> NoiseEstimate:
    """The float64 network with the references' embeddings."""
    embeddings = {name: Prompt(given(f"emb_{name}")) for name in ("source", "edit", "uncond")}
    unet = pipeline().unet
    return NoiseEstimate(unet, predicts, embeddings[prompt], embeddings["uncond"], guidance, **options)


def probe_agrees() -> bool:
    """Whether this build's network gives the references' very values, but for rounding."""
    with torch.no_grad():
        found = pipeline().unet(given("xT"), 501, given("emb_source"), return_dict=False)[0]
    return bool((found - given("unet_probe_t501_source")).abs().max() < 1e-12)


def assert_meets(states: Any, case: str, name: str) -> None:
    """All states, to 1e-10 of the largest value; on a build with another time embedding 1e-5."""
    found = torch.stack(list(states)) if not isinstance(states, Tensor) else states
    wanted = array(case, name)
    assert found.numel() == wanted.numel(), (found.shape, wanted.shape)
    most = float(wanted.abs().max()) * (1e-10 if probe_agrees() else 1e-5)
    assert float((found.reshape(wanted.shape) - wanted).abs().max()) <= most
