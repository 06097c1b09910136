"""From noise to a picture: edits of inverted pictures, and pictures of a prompt alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import require
from bdia_edm.text_to_image.beginning import begin, look_at
from bdia_edm.text_to_image.inverted import Inverted
from bdia_edm.text_to_image.method import Kept, Method, last
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.pictures import decode, latent_factor
from bdia_edm.text_to_image.pipelines import check_guidance, check_latent, name_of
from bdia_edm.text_to_image.prompts import encode_prompts

__all__ = ["Edited", "edit", "sample"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Edited:
    """A picture made from noise.

    Attributes:
        picture: (H, W, 3) uint8.
        latent: z_0 (1, C, h, w).
        second: its partner, z_1 of two-step methods, y of EDICT; None with others. ``invert`` of the latent with it
            returns to the noise; of the latent alone it does not.
        evaluations: forwards of one latent with one prompt.
    """

    picture: NDArray[np.uint8]
    latent: Tensor
    second: Tensor | None
    evaluations: int


@torch.no_grad()
def edit(
    pipe: Any,
    inverted: Inverted,
    prompt: str | None = None,
    negative_prompt: str | None = None,
    *,
    guidance_scale: float | None = None,
    low_memory: bool | None = None,
) -> Edited:
    """Leads an inverted picture back, with another prompt; with the source's own it is the round trip.

    Args:
        pipe: the pipeline that inverted it.
        prompt, negative_prompt, guidance_scale, low_memory: None: the inversion's. Where one differs the way back is
            not the inverse.

    Raises:
        UserError: the pipeline or an option is not as it must be, before the first evaluation; or the result is NaN.
    """
    device, predicts = look_at(pipe, low_memory)
    way, source = inverted.method, inverted.settings
    fits = predicts == source.prediction_type and pipe.unet.config.in_channels == inverted.latent.shape[1]
    if not fits:
        raise UserError(
            f"pipeline: its network predicts {predicts}, of {pipe.unet.config.in_channels} channels; the picture was "
            f"inverted with one of {source.prediction_type}, {inverted.latent.shape[1]} channels"
        )
    if way.negative != "given" and negative_prompt is not None:
        raise UserError(f"negative_prompt: method={way.name} has its own, from the inversion")
    guidance = source.guidance_scale if guidance_scale is None else guidance_scale
    check_guidance(guidance)
    if way.negative == "kept":
        require(
            guidance == source.guidance_scale, "guidance_scale", guidance, f"{source.guidance_scale:g}, the inversion's"
        )
    negative = source.negative_prompt if negative_prompt is None else negative_prompt
    if way.negative == "source":
        negative = source.prompt
    if way.exact and (dtype := name_of(pipe.unet.dtype)) != source.network_dtype:
        warnings.warn(
            f"pipeline: its network is {dtype}, the picture was inverted with {source.network_dtype}: the way back is "
            "not the inverse",
            stacklevel=2,
        )
    size = inverted.picture.shape[:2]
    c, u = encode_prompts(pipe, source.prompt if prompt is None else prompt, negative, size, device)
    halves = source.low_memory if low_memory is None else low_memory
    eps = NoiseEstimate(pipe.unet, predicts, c, u, guidance, low_memory=halves)
    negatives = inverted.kept.negatives
    kept = Kept(inverted.kept.states.to(device), None if negatives is None else negatives.to(device))
    return _made(pipe, way, eps, kept, inverted.levels)


@torch.no_grad()
def sample(
    pipe: Any,
    prompt: str,
    negative_prompt: str = "",
    *,
    method: str = "bdia",
    num_inference_steps: int = 50,
    guidance_scale: float = 7.5,
    latents: Tensor | None = None,
    generator: torch.Generator | None = None,
    timesteps: Sequence[int] | None = None,
    set_alpha_to_one: bool | None = None,
    state_dtype: torch.dtype | None = None,
    low_memory: bool = False,
    **options: Any,
) -> Edited:
    """A picture of a prompt, with the states in float64 or float32; what leads back to its noise is kept.

    Args:
        latents: the noise (1, C, h, w); None: drawn from ``generator``, of the size that the network was trained for.
        method: bdia, ddim, edict or obelm.
        pipe, prompt, negative_prompt, num_inference_steps, guidance_scale, timesteps, set_alpha_to_one, state_dtype,
            low_memory, options: as of ``invert``.

    Raises:
        UserError: as ``invert``.
    """
    way, levels, guidance, device, predicts, dtype = begin(
        pipe,
        method,
        options,
        inverts=False,
        num_steps=num_inference_steps,
        guidance=guidance_scale,
        strength=1.0,
        timesteps=timesteps,
        set_alpha_to_one=set_alpha_to_one,
        state_dtype=state_dtype,
        low_memory=low_memory,
    )
    channels, size = pipe.unet.config.in_channels, pipe.unet.config.sample_size
    if latents is None:
        # diffusers' own draw: the same seed begins with the same noise in a pipeline of that type.
        height, width = (size, size) if isinstance(size, int) else size
        latents = randn_tensor((1, channels, height, width), generator=generator, device=device, dtype=pipe.unet.dtype)
    check_latent(latents, channels, "latents")
    start = way.place(latents.to(device, dtype))
    factor = latent_factor(pipe.vae)
    c, u = encode_prompts(pipe, prompt, negative_prompt, (start.shape[2] * factor, start.shape[3] * factor), device)
    eps = NoiseEstimate(pipe.unet, predicts, c, u, guidance, low_memory=low_memory)
    return _made(pipe, way, eps, Kept(start[None]), levels)


def _made(pipe: Any, way: Method, eps: NoiseEstimate, kept: Kept, levels: Sequence[Any]) -> Edited:
    """The way forward, to the picture."""
    (states,) = last(way.forward(eps, kept, levels))
    if not bool(states.isfinite().all()):
        raise UserError(
            f"method={way.name}: the way ended in NaN or infinity; take a network of float32, or other options"
        )
    picture = decode(pipe.vae, states[0])
    pipe.maybe_free_model_hooks()
    second = states[1] if len(states) > 1 else None
    return Edited(picture=picture, latent=states[0], second=second, evaluations=eps.evaluations)
