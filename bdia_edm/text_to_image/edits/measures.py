"""What is measured of an edited picture, as far as it was asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.metrics.outside_mask import outside_mask
from bdia_edm.text_to_image.clip_score import ClipScore, load_clip
from bdia_edm.text_to_image.edits.tasks import Picture, Task
from bdia_edm.text_to_image.structure_distance import StructureDistance, load_structure

__all__ = ["Measures", "load_measures"]

_NAMES = ("structure_distance", "outside_psnr", "outside_ssim", "outside_mse", "clip_source", "clip_edit")


@dataclass(frozen=True)
class Measures:
    """The networks that measure.

    Attributes:
        structure: None: the structure distance is not measured.
        clip: None: CLIP scores are not.
    """

    structure: StructureDistance | None = None
    clip: ClipScore | None = None

    def __call__(self, picture: Picture, edited: NDArray[np.uint8] | None, task: Task) -> dict[str, float]:
        """The figures of an edit, NaN where one is not measured: the structure distance from the picture; PSNR, SSIM
        and MSE outside the mask, of the whole picture where there is none; CLIP's score of the picture with its prompt
        and of the edit with the prompt that it was to follow."""
        found = dict.fromkeys(_NAMES, math.nan)
        if edited is None or task.edit is None:
            return found
        found |= outside_mask(picture.pixels, edited, picture.mask)
        if self.structure is not None:
            found["structure_distance"] = float(self.structure(picture.pixels[None], edited[None])[0])
        if self.clip is not None:
            scores = self.clip(np.stack([picture.pixels, edited]), [task.prompt, task.edit])
            found |= dict(zip(("clip_source", "clip_edit"), scores.tolist(), strict=True))
        return found


def load_measures(
    structure: str | None, clip: str | None, prompts: Iterable[str], device: torch.device
) -> tuple[Measures, dict[str, str]]:
    """The measures that were asked for, and their checksums.

    Args:
        structure, clip: where the networks are; None: they are not asked for.
        prompts: that pictures will be scored with.

    Raises:
        UserError: one cannot be loaded, or a prompt has more tokens than CLIP reads.
    """
    of_structure = None if structure is None else load_structure(structure, device)
    of_clip = None if clip is None else load_clip(clip, device)
    if of_clip is not None:
        of_clip.check(list(dict.fromkeys(prompts)))
    networks = {"structure": of_structure, "clip": of_clip}
    checksums = {name: network.checksum for name, network in networks.items() if network is not None}
    return Measures(of_structure, of_clip), checksums
