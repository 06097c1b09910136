"""How far a picture's structure is from another's, to a vision transformer that the user brings, DINO's for one.

The structure of a picture is the self-similarity of the keys of the transformer's last layer, the heads' joined: the
cosines S_ij of the keys of all tokens i and j, the class token's too (Tumanyan, Bar-Tal, Bagon, Dekel 2022,
arXiv 2201.00424). The distance is the mean of (S_ij - S'_ij)^2. PIE-Bench (arXiv 2310.01506) has it of a picture
and its edit, by DINO's. Distances of different transformers cannot be compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoImageProcessor, Dinov2Model, ViTModel

from bdia_edm.base.errors import UserError
from bdia_edm.run.loaded_once import loaded_once
from bdia_edm.text_to_image.measuring_models import find_model, load_part

__all__ = ["StructureDistance", "load_structure"]

_KEYS = (".key", ".k_proj")


class StructureDistance:
    """A vision transformer that measures.

    Attributes:
        checksum: SHA-256 of its files.
    """

    def __init__(self, model: Any, processor: Any, checksum: str) -> None:
        self.checksum = checksum
        self._model, self._processor = model, processor
        *_, self._last_keys = (module for name, module in model.named_modules() if name.endswith(_KEYS))

    @torch.no_grad()
    def __call__(self, pictures: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The distance (n,) of each picture from its other, from 0 to 4.

        Args:
            pictures, others: (n, H, W, 3), (n, H', W', 3).

        Raises:
            ValueError: their numbers differ, or they are of another shape or type.
        """
        for each in (pictures, others):
            if each.ndim != 4 or each.shape[3] != 3 or each.dtype != np.uint8 or len(each) != len(pictures):
                raise ValueError(f"pictures {pictures.dtype} {pictures.shape}, others {others.dtype} {others.shape}")
        pairs = zip(pictures, others, strict=True)
        found = [float((self._structure(a) - self._structure(b)).square().mean()) for a, b in pairs]
        return np.array(found, dtype=np.float64)

    def _structure(self, picture: NDArray[np.uint8]) -> Tensor:
        """The cosines (T, T) of a picture's keys."""
        inputs = self._processor(images=[picture], return_tensors="pt", input_data_format="channels_last")
        seen: list[Tensor] = []
        hook = self._last_keys.register_forward_hook(lambda module, given, keys: seen.append(keys))
        with hook:
            self._model(inputs["pixel_values"].to(self._model.device))
        keys = torch.nn.functional.normalize(seen[0][0].double(), dim=-1)
        return keys @ keys.T


def load_structure(where: str, device: torch.device) -> StructureDistance:
    """The vision transformer at ``where``, in float32 on the device; the same one is loaded once.

    Args:
        where: a folder with what ``save_pretrained`` of transformers' ViTModel or Dinov2Model and of its image
            processor wrote, or a hub id such as facebook/dino-vitb8.

    Raises:
        UserError: there is no such network, or it cannot be fetched or read.
    """
    found = find_model(where, "structure", ("vit", "dinov2"), "facebook/dino-vitb8")

    def load() -> StructureDistance:
        # DINO's has no pooling layer.
        kind, options = (ViTModel, {"add_pooling_layer": False}) if found.model_type == "vit" else (Dinov2Model, {})
        model = load_part(kind, found, **options).to(device)
        processor = load_part(AutoImageProcessor, found)
        try:
            return StructureDistance(model, processor, found.checksum)
        except ValueError:
            raise UserError(f"{found.given}: no layer of it has keys, in this version of transformers") from None

    return loaded_once(("structure", found.checksum, device), load)
