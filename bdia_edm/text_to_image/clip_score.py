"""How well pictures fit their prompts, to a CLIP network that the user brings.

The score of a picture and its prompt is 100 max(cos(E_picture, E_prompt), 0), E being CLIP's embeddings: the scale that
text-to-image papers print, and torchmetrics. CLIPScore of Hessel et al. 2021 (arXiv 2104.08718) is 2.5 max(cos, 0), by
ViT-B/32, of the text with 'A photo depicts ' before it; here the prompts are taken as they are. Scores of different
CLIP networks cannot be compared: say which one a figure is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPModel, CLIPProcessor

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.run.loaded_once import loaded_once
from bdia_edm.text_to_image.measuring_models import find_model, load_part

__all__ = ["ClipScore", "load_clip"]

_AT_ONCE = 32


class ClipScore:
    """A CLIP network that scores.

    Attributes:
        checksum: SHA-256 of its files.
    """

    def __init__(self, model: Any, processor: Any, checksum: str) -> None:
        self.checksum = checksum
        self._model, self._processor = model, processor

    def check(self, prompts: Sequence[str]) -> None:
        """Raises UserError where a prompt has more tokens than the network reads."""
        most = self._model.config.text_config.max_position_embeddings
        for prompt in prompts:
            got = len(self._processor.tokenizer(prompt, verbose=False).input_ids)
            if got > most:
                shown = printable(prompt if len(prompt) < 40 else f"{prompt[:40]}...")
                raise UserError(
                    f"clip: the prompt {shown} has {got} tokens with the two that end it; must be {most} at most"
                )

    @torch.no_grad()
    def __call__(self, pictures: NDArray[np.uint8], prompts: Sequence[str]) -> NDArray[np.float64]:
        """The score (n,) of each picture with its prompt, from 0 to 100.

        Args:
            pictures: (n, H, W, 3).
            prompts: n of them.

        Raises:
            UserError: as ``check``.
            ValueError: the numbers of pictures and prompts differ, or the pictures are of another shape or type.
        """
        if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8 or len(pictures) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts, pictures {pictures.dtype} {pictures.shape}")
        self.check(prompts)
        scores = [np.zeros(0)]
        for start in range(0, len(prompts), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            inputs = self._processor(
                images=list(pictures[some]),
                text=list(prompts[some]),
                return_tensors="pt",
                padding="max_length",
                max_length=self._model.config.text_config.max_position_embeddings,
                input_data_format="channels_last",
            )
            found = self._model(**inputs.to(self._model.device))
            image, text = (each.double() for each in (found.image_embeds, found.text_embeds))
            scores.append(100 * torch.cosine_similarity(image, text).clamp(0, 1).cpu().numpy())
        return np.concatenate(scores)


def load_clip(where: str, device: torch.device) -> ClipScore:
    """The CLIP network at ``where``, in float32 on the device; the same one is loaded once.

    Args:
        where: a folder with what ``save_pretrained`` of transformers' CLIPModel and CLIPProcessor wrote, or a hub id
            such as openai/clip-vit-large-patch14.

    Raises:
        UserError: there is no such network, or it cannot be fetched or read.
    """
    found = find_model(where, "clip", ("clip",), "openai/clip-vit-large-patch14")

    def load() -> ClipScore:
        model = load_part(CLIPModel, found).to(device)
        return ClipScore(model, load_part(CLIPProcessor, found), found.checksum)

    return loaded_once(("clip", found.checksum, device), load)
