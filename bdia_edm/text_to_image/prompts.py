"""Prompts to what the network takes of them, for Stable Diffusion's pipelines and for SDXL's."""

from __future__ import annotations

from typing import Any

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.text_to_image.noise_estimate import Prompt

__all__ = ["check_prompt", "encode_prompts", "fitting", "is_xl"]


def is_xl(pipe: Any) -> bool:
    """Whether the pipeline is SDXL's: a second text encoder, pooled embeddings and sizes go to the network too."""
    return getattr(pipe, "text_encoder_2", None) is not None


def check_prompt(pipe: Any, prompt: object, name: str) -> None:
    """Raises UserError where the prompt is no text, or has more tokens than the text encoders read.

    Args:
        name: the option's.
    """
    if not isinstance(prompt, str):
        raise UserError(f"{name}: must be a text, it is {type(prompt).__name__}")
    got, most = _tokens(pipe, prompt)
    if got > most:
        shown = printable(prompt if len(prompt) < 40 else f"{prompt[:40]}...")
        raise UserError(
            f"{name}={shown}: {got} tokens with the two that end it; must be {most} at most: what follows would be cut "
            "off"
        )


def fitting(pipe: Any, prompt: str) -> str:
    """The prompt, or of one that is too long the words from its beginning that the text encoders read."""
    words = prompt.split()
    while len(words) > 1 and _is_long(pipe, " ".join(words)):
        words.pop()
    short = " ".join(words)
    # A single word of so many tokens is none.
    while _is_long(pipe, short):
        short = short[:-1]
    return short if len(short) < len(prompt) else prompt


def _is_long(pipe: Any, prompt: str) -> bool:
    got, most = _tokens(pipe, prompt)
    return got > most


def _tokens(pipe: Any, prompt: str) -> tuple[int, int]:
    """How many tokens a prompt has, and the most that may be, of the tokenizer that has the least room for it."""
    tokenizers = [each for each in (pipe.tokenizer, getattr(pipe, "tokenizer_2", None)) if each is not None]
    counts = [(len(each(prompt, verbose=False).input_ids), int(each.model_max_length)) for each in tokenizers]
    return max(counts, key=lambda count: count[0] - count[1])


@torch.no_grad()
def encode_prompts(pipe: Any, prompt: str, negative: str, size: tuple[int, int], device: Any) -> tuple[Prompt, Prompt]:
    """The prompt and the negative one; the same object twice where they are the same.

    Args:
        size: height and width of the picture, in pixels.

    Raises:
        UserError: as ``check_prompt``.
    """
    check_prompt(pipe, prompt, "prompt")
    check_prompt(pipe, negative, "negative_prompt")
    if not is_xl(pipe):
        found, other = pipe.encode_prompt(prompt, device, 1, True, negative_prompt=negative)
        c, u = Prompt(found), Prompt(other)
    else:
        # None, not '': SDXL's configuration may ask for zeros in the place of the empty prompt.
        asked = {"negative_prompt": negative or None, "device": device, "num_images_per_prompt": 1}
        found, other, pooled, other_pooled = pipe.encode_prompt(prompt, do_classifier_free_guidance=True, **asked)
        height, width = size
        ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32, device=device)
        c, u = Prompt(found, pooled, ids), Prompt(other, other_pooled, ids)
    return c, (c if prompt == negative else u)
