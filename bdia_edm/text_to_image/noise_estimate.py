"""The noise estimate of a pipeline's network, with guidance: eps_u + g (eps_c - eps_u).

Latents come in float32 or float64, whatever the network's type: each is cast to it on the way in, and what comes out is
cast back before anything is done with it, guidance included. Guidance is linear, so it is applied to what the network
predicts, be it e, v or x_0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from bdia_edm.text_to_image.prediction import Level, Prediction, predict

__all__ = ["NoiseEstimate", "Prompt"]


class Prompt(NamedTuple):
    """What the network takes of a prompt.

    Attributes:
        embeddings: (1, L, C).
        pooled: (1, P), of SDXL's second text encoder; None with others.
        time_ids: (1, 6), SDXL's sizes and crop, in pixels; None with others.
    """

    embeddings: Tensor
    pooled: Tensor | None = None
    time_ids: Tensor | None = None


class NoiseEstimate:
    """Evaluates the network, and counts: an evaluation is a forward of one latent with one prompt, a gradient one back.

    With guidance the two evaluations are one batch of two latents, or with ``low_memory`` two of one: which it was can
    change the last bits, so the two ways of a round trip must agree in it.

    Args:
        unet: takes latents, times and embeddings, as diffusers' UNet2DConditionModel.
        prediction_type: what it predicts, one of PREDICTION_TYPES.
        prompt: c.
        negative: u.
        guidance: g; at 1 the prompt alone is evaluated.
        low_memory: whether the two evaluations are made one after the other.
    """

    def __init__(
        self,
        unet: Any,
        prediction_type: str,
        prompt: Prompt,
        negative: Prompt,
        guidance: float,
        *,
        low_memory: bool = False,
    ) -> None:
        self.unet, self.prediction_type = unet, prediction_type
        self.prompt, self.negative = prompt, negative
        self.guidance, self.low_memory = guidance, low_memory
        self.evaluations = 0
        self.gradients = 0

    def __call__(
        self, z: Tensor, level: Level, *, time: float | None = None, negative: Prompt | None = None
    ) -> Prediction:
        """x_0 and e in the latents z (B, C, H, W) at a level.

        Args:
            time: what the network is told, where it is not the level's time.
            negative: u for this evaluation.
        """
        told = level.time if time is None else time
        u = self.negative if negative is None else negative
        return predict(self.guided(z, told, u), z, level, self.prediction_type)

    def unguided(self, z: Tensor, level: Level, *, time: float | None = None) -> Prediction:
        """The same with the prompt alone."""
        told = level.time if time is None else time
        return predict(self.evaluate(z, told, self.prompt), z, level, self.prediction_type)

    def guided(self, z: Tensor, time: float, u: Prompt) -> Tensor:
        """The network's output for the latents z (B, C, H, W), guided away from u, in the type of z."""
        # Where both prompts are the same, guidance cancels.
        if self.guidance == 1 or u is self.prompt:
            return self.evaluate(z, time, self.prompt)
        if self.low_memory:
            out_u, out_c = self.evaluate(z, time, u), self.evaluate(z, time, self.prompt)
        else:
            out_u, out_c = self._forward(z.repeat(2, 1, 1, 1), time, (u, self.prompt)).chunk(2)
        return out_u + self.guidance * (out_c - out_u)

    def evaluate(self, z: Tensor, time: float, prompt: Prompt) -> Tensor:
        """The network's output for z (B, C, H, W) with one prompt, in the type of z; gradients reach the prompt."""
        return self._forward(z, time, (prompt,))

    def _forward(self, z: Tensor, time: float, prompts: tuple[Prompt, ...]) -> Tensor:
        dtype = self.unet.dtype
        each = len(z) // len(prompts)

        def batch(*parts: Tensor | None) -> Tensor:
            return torch.cat([part.expand(each, *part.shape[1:]) for part in parts if part is not None])

        added = {}
        if self.prompt.pooled is not None:
            added = {
                "text_embeds": batch(*(prompt.pooled for prompt in prompts)).to(dtype),
                "time_ids": batch(*(prompt.time_ids for prompt in prompts)).to(dtype),
            }
        self.evaluations += len(z)
        # Filled, not copied: nothing waits for the device.
        times = torch.full((len(z),), time, dtype=torch.float32, device=z.device)
        embeddings = batch(*(prompt.embeddings for prompt in prompts)).to(dtype)
        known: dict[str, Any] = {"added_cond_kwargs": added} if added else {}
        return self.unet(z.to(dtype), times, encoder_hidden_states=embeddings, return_dict=False, **known)[0].to(
            z.dtype
        )
