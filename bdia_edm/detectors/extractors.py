"""torch-fidelity's extractors as networks that give one tensor of features.

Of torch-fidelity only the extractors are used: its own statistics are in float32 in part and it asserts equal types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.torch_weights import read_state_dict
from bdia_edm.detectors.detector import as_rgb

__all__ = ["ExtractorFeatures", "read_extractor"]


class ExtractorFeatures(nn.Module):
    """The one feature of a torch-fidelity extractor."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) to float32 features (N, F)."""
        (features,) = self.extractor(as_rgb(images))
        return features


def read_extractor(
    name: str, build: Callable[[Mapping[str, Tensor]], nn.Module], path: Path, device: torch.device
) -> nn.Module:
    """The extractor that ``build`` makes of the weights in the file, ready for use.

    Args:
        name: the detector's, for the message.
        build: raises RuntimeError where the weights do not fit.

    Raises:
        UserError: they do not, or the file is none of weights.
    """
    try:
        return build(read_state_dict(path)).eval().requires_grad_(False).to(device)
    except RuntimeError as error:
        raise UserError(f"{path}: not the weights of {named('detector')}={name}: {one_line(error)}") from error
