"""From a picture to the noise that leads back to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.beginning import begin
from bdia_edm.text_to_image.inverted import Inverted, Settings
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.pictures import decode, encode, latent_factor, read_picture
from bdia_edm.text_to_image.pipelines import check_latent, name_of
from bdia_edm.text_to_image.prompts import encode_prompts

__all__ = ["invert"]


@torch.no_grad()
def invert(
    pipe: Any,
    image: Any,
    prompt: str,
    negative_prompt: str = "",
    *,
    method: str = "bdia",
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    strength: float | None = None,
    second: Tensor | None = None,
    timesteps: Sequence[int] | None = None,
    set_alpha_to_one: bool | None = None,
    state_dtype: torch.dtype | None = None,
    low_memory: bool = False,
    **options: Any,
) -> Inverted:
    """Inverts a picture on a StableDiffusionPipeline or a StableDiffusionXLPipeline.

    The pipeline's scheduler gives the levels and what the network predicts; it is not changed.

    Args:
        pipe: the pipeline, of any type of network.
        image: a PIL image of mode RGB or an array (H, W, 3) uint8; or the latent (1, C, h, w) itself, a tensor, whose
            picture is then what the autoencoder makes of it.
        prompt, negative_prompt: that describe the picture.
        method: bdia, ddim, edict, obelm, null_text or negative_prompt.
        num_inference_steps, guidance_scale, strength: N, g, and the part of the N steps that is used; by default those
            that the method was published with for editing.
        second: z_1, where the latent comes from a sampling run that kept it: then the inversion returns to that run's
            start.
        timesteps: falling, instead of the scheduler's.
        set_alpha_to_one: whether the data's level has alpha 1; None: as the scheduler's configuration says.
        state_dtype: of the latents, torch.float64 (where the device has it) or torch.float32.
        low_memory: whether guidance's two evaluations are made one after the other.
        options: the method's own (gamma and arithmetic, p, seed, ...).

    Returns:
        What ``edit`` takes.

    Raises:
        UserError: the pipeline, the picture or an option is not as it must be, all before the first evaluation; or the
            inversion ends in NaN.
    """
    way, levels, guidance, device, predicts, dtype = begin(
        pipe,
        method,
        options,
        inverts=True,
        num_steps=num_inference_steps,
        guidance=guidance_scale,
        strength=strength,
        timesteps=timesteps,
        set_alpha_to_one=set_alpha_to_one,
        state_dtype=state_dtype,
        low_memory=low_memory,
    )
    if second is not None and not way.pairs:
        raise UserError(f"second: method={method} takes no partner of the latent")

    if isinstance(image, Tensor):
        check_latent(image, pipe.unet.config.in_channels, "image")
        latent = image.to(device, dtype)
        pixels = vae_pixels = decode(pipe.vae, latent)
    else:
        pixels = read_picture(image, latent_factor(pipe.vae))
        latent = encode(pipe.vae, pixels, device, dtype)
        vae_pixels = decode(pipe.vae, latent)
    latent = way.place(latent)
    if second is not None:
        check_latent(second, latent.shape[1], "second")
        second = way.place(second.to(device, dtype))
    c, u = encode_prompts(pipe, prompt, negative_prompt, pixels.shape[:2], device)

    eps = NoiseEstimate(pipe.unet, predicts, c, u, guidance, low_memory=low_memory)
    kept = way.invert(eps, latent, levels, second)
    pipe.maybe_free_model_hooks()
    if not bool(kept.states.isfinite().all()):
        raise UserError(
            f"method={method}: the inversion ended in NaN or infinity; take a network of float32, or other options"
        )
    settings = Settings(
        prompt=prompt,
        negative_prompt=negative_prompt,
        guidance_scale=guidance,
        low_memory=low_memory,
        prediction_type=predicts,
        network_dtype=name_of(pipe.unet.dtype),
        evaluations=eps.evaluations,
        gradients=eps.gradients,
    )
    return Inverted(
        method=way,
        settings=settings,
        levels=levels,
        kept=kept,
        latent=latent,
        picture=pixels,
        vae_picture=vae_pixels,
    )
