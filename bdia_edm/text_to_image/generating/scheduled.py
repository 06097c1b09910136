"""Pictures by diffusers' own schedulers, the rivals as their users have them, in a loop that counts and keeps float32.

A pipeline hands its scheduler latents of the network's type; here they are float32, as the schedulers compute, whatever
the network's type is, and only what the network sees is cast to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.pictures import decode, latent_factor
from bdia_edm.text_to_image.pipelines import device_of, prediction_type
from bdia_edm.text_to_image.prompts import encode_prompts

__all__ = ["SCHEDULERS", "Scheduler", "check_scheduled", "sample_scheduled", "scheduler_for"]


class Scheduler(NamedTuple):
    """One of diffusers'.

    Attributes:
        kind: its class's name.
        title: what pictures call it.
        options: beside the pipeline's configuration.
    """

    kind: str
    title: str
    options: Mapping[str, Any] = MappingProxyType({})


SCHEDULERS = {
    "dpmpp": Scheduler("DPMSolverMultistepScheduler", "DPM-Solver++"),
    "unipc": Scheduler("UniPCMultistepScheduler", "UniPC"),
    "deis": Scheduler("DEISMultistepScheduler", "DEIS"),
    "euler": Scheduler("EulerDiscreteScheduler", "Euler"),
    "heun": Scheduler("HeunDiscreteScheduler", "Heun"),
    # As Stable Diffusion's own configurations have it.
    "pndm": Scheduler("PNDMScheduler", "PNDM", {"skip_prk_steps": True}),
}
"""By the names of ``sampler=``. None draws noise on its way."""


def scheduler_for(name: str, pipe: Any) -> Any:
    """A scheduler of its own, with the configuration of the pipeline's."""
    kind, _, options = SCHEDULERS[name]
    return getattr(diffusers, kind).from_config(pipe.scheduler.config, **options)


def check_scheduled(name: str, pipe: Any, num_steps: int) -> None:
    """Runs the scheduler once without a network.

    Raises:
        UserError: it refuses the configuration or the number of steps, or ends in what is not finite.
    """
    given = f"{named('sampler')}={name}: diffusers' {SCHEDULERS[name].kind} with num_inference_steps={num_steps}"
    noise = torch.linspace(-1, 1, 4).reshape(1, 1, 2, 2)
    try:
        scheduler = scheduler_for(name, pipe)
        scheduler.set_timesteps(num_steps)
        z = noise * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            z = scheduler.step(0.1 * scheduler.scale_model_input(z, t), t, z, return_dict=False)[0]
    except Exception as error:  # of what it cannot do a scheduler raises whatever it stumbles over
        raise UserError(
            f"{given} does not take this pipeline's configuration: {one_line(error, 160) or type(error).__name__}"
        ) from error
    if not bool(z.isfinite().all()):
        raise UserError(f"{given} ends in NaN or infinity with this pipeline's configuration; take other steps")


@torch.no_grad()
def sample_scheduled(
    scheduler: Any,
    pipe: Any,
    prompt: str,
    negative_prompt: str,
    *,
    num_steps: int,
    guidance: float,
    noise: Tensor,
    low_memory: bool = False,
) -> tuple[NDArray[np.uint8], int]:
    """A picture (H, W, 3), and the evaluations that it took.

    Args:
        scheduler: one that no other run has; its history is this one's.
        noise: standard normal (1, C, h, w) float32.

    Raises:
        UserError: the way ends in NaN or infinity.
    """
    device, factor = device_of(pipe), latent_factor(pipe.vae)
    size = (noise.shape[2] * factor, noise.shape[3] * factor)
    c, u = encode_prompts(pipe, prompt, negative_prompt, size, device)
    eps = NoiseEstimate(pipe.unet, prediction_type(pipe), c, u, guidance, low_memory=low_memory)
    scheduler.set_timesteps(num_steps, device=device)
    z = noise.to(device, torch.float32) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        output = eps.guided(scheduler.scale_model_input(z, t), float(t), u)
        z = scheduler.step(output, t, z, return_dict=False)[0]
    if not bool(z.isfinite().all()):
        raise UserError("the way ended in NaN or infinity; take a network of float32, or other options")
    picture = decode(pipe.vae, z)
    pipe.maybe_free_model_hooks()
    return picture, eps.evaluations
