"""torch-fidelity's extractors as networks that give one tensor of features.

Of torch-fidelity only the extractors are used: its own statistics are in float32 in part and it asserts equal types.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.torch_weights import read_state_dict
from bdia_edm.detectors.detector import as_rgb

__all__ = ["ExtractorFeatures", "extractor_module", "read_extractor"]


class ExtractorFeatures(nn.Module):
    """The one feature of a torch-fidelity extractor."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) to float32 features (N, F)."""
        (features,) = self.extractor(as_rgb(images))
        return features


def extractor_module(name: str) -> ModuleType:
    """torch_fidelity.NAME alone.

    The package itself imports all its modules, and so torchvision and PyTorch's compiler: 1.9 s, and Inception needs
    neither. Whoever imports the package later gets it whole, with this module as it is.
    """
    package = "torch_fidelity"
    if package in sys.modules:
        return import_module(f"{package}.{name}")
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)
    sys.modules[package] = module_from_spec(spec)
    try:
        return import_module(f"{package}.{name}")
    finally:
        del sys.modules[package]


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
