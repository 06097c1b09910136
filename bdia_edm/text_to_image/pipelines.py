"""Which pipelines of diffusers can be inverted, latent models of Stable Diffusion's kind: looked at before all work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import require
from bdia_edm.text_to_image.levels import check_scheduler, levels_of
from bdia_edm.text_to_image.method import Method
from bdia_edm.text_to_image.prediction import Level

__all__ = [
    "check_guidance",
    "check_latent",
    "check_levels",
    "check_pipeline",
    "check_switches",
    "device_of",
    "levels_for",
    "name_of",
    "prediction_type",
    "state_type",
]

_PARTS = ("vae", "unet", "tokenizer", "text_encoder", "scheduler")


def check_pipeline(pipe: Any) -> None:
    """Raises UserError where the pipeline is of another kind, or its parts are not as Stable Diffusion's are."""
    kind = type(pipe).__name__
    if getattr(pipe, "transformer", None) is not None:
        raise UserError(f"pipeline: {kind} has a transformer; must be a Stable Diffusion (XL) pipeline with a UNet")
    missing = [part for part in _PARTS if getattr(pipe, part, None) is None]
    if missing:
        raise UserError(f"pipeline: {kind} has no {' and no '.join(missing)}; must be a Stable Diffusion (XL) pipeline")
    check_scheduler(pipe.scheduler)
    unet, vae = pipe.unet.config, pipe.vae.config
    if unet.in_channels != vae.latent_channels:
        raise UserError(
            f"pipeline: its network takes {unet.in_channels} channels, its autoencoder makes {vae.latent_channels} "
            "(a network for inpainting or depth?); must be the same"
        )
    if getattr(unet, "time_cond_proj_dim", None) is not None:
        raise UserError("pipeline: its network takes the guidance as an input (a distilled one); must be guided itself")
    if pipe.config.get("requires_aesthetics_score", False):
        raise UserError("pipeline: SDXL's refiner; must be the base model")
    for name in ("latents_mean", "shift_factor"):
        if getattr(vae, name, None) is not None:
            raise UserError(f"pipeline: its autoencoder has {name}; must be one with a scaling factor alone")


def check_guidance(guidance: float) -> None:
    """Raises UserError where the guidance is no finite number of 0 or more."""
    number = isinstance(guidance, int | float) and not isinstance(guidance, bool)
    require(number and 0 <= guidance < 1e6, "guidance_scale", guidance, "a number from 0 to 1000000")


def check_latent(latent: Any, channels: int, name: str) -> None:
    """Raises UserError where a latent is not finite or not of shape (1, channels, h, w); ``name`` is the option's."""
    if not isinstance(latent, Tensor):
        raise UserError(f"{name}: must be a tensor (1, {channels}, h, w), it is {type(latent).__name__}")
    shape = tuple(latent.shape)
    require(len(shape) == 4 and shape[:2] == (1, channels), f"{name}: shape", shape, f"(1, {channels}, h, w)")
    require(
        latent.is_floating_point() and bool(latent.isfinite().all()), f"{name}: type", latent.dtype, "finite numbers"
    )


def check_switches(**switches: bool | None) -> None:
    """Raises UserError where an option is neither True nor False nor left out."""
    for name, value in switches.items():
        require(value is None or isinstance(value, bool), name, value, "True or False")


def state_type(asked: torch.dtype | None, device: torch.device) -> torch.dtype:
    """The type of the latents: float64, where the device has it; UserError where another than two is asked for."""
    if asked is None:
        return torch.float32 if device.type == "mps" else torch.float64
    require(asked in (torch.float32, torch.float64), "state_dtype", asked, "torch.float32 or torch.float64")
    return asked


def name_of(dtype: torch.dtype) -> str:
    """'float16', say."""
    return str(dtype).removeprefix("torch.")


def device_of(pipe: Any) -> torch.device:
    """Where the pipeline's parts work, offloaded ones too."""
    return torch.device(pipe._execution_device)


def prediction_type(pipe: Any) -> str:
    """What the pipeline's network predicts."""
    return pipe.scheduler.config.get("prediction_type", "epsilon")


def levels_for(
    pipe: Any,
    method: Method,
    num_steps: int,
    strength: float,
    timesteps: Sequence[int] | None,
    set_alpha_to_one: bool | None,
) -> list[Level]:
    """The levels of a run of the method; UserError as ``levels_of``."""
    count = num_steps if timesteps is None else len(timesteps)
    require(isinstance(count, int) and count > 0, "num_inference_steps", count, "a whole number above 0")
    check_switches(set_alpha_to_one=set_alpha_to_one)
    data_time = method.data_time(count, pipe.scheduler.config.num_train_timesteps)
    return levels_of(
        pipe.scheduler,
        count,
        strength=strength,
        timesteps=timesteps,
        set_alpha_to_one=set_alpha_to_one,
        data_time=data_time,
    )


def check_levels(levels: Sequence[Level], method: Method, predicts: str, inverts: bool) -> None:
    """Raises UserError where a level is all noise or all data, and the prediction or the method needs both."""
    if levels[0].alpha == 0 and (predicts == "epsilon" or method.divides_by_alpha):
        what = f"method={method.name}" if method.divides_by_alpha else "a network that predicts noise"
        raise UserError(f"pipeline: its highest level is noise alone (rescale_betas_zero_snr), by which {what} divides")
    if inverts and levels[-1].sigma == 0 and predicts == "sample":
        raise UserError(
            "set_alpha_to_one=True: the data's level has no noise, by which a network that predicts data divides; "
            "must be False to invert"
        )
