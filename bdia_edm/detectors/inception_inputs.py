"""What goes into FID's Inception: how each program resizes uint8 images to 299 pixels, and in which range they enter.

The network is everywhere the same, of 2015-12-05. Its input is no part of it, and moves the features by a percent or
two; features of one input compare with those of the same input alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from bdia_edm.detectors.detector import as_rgb
from bdia_edm.detectors.extractors import ExtractorFeatures, extractor_module, read_extractor
from bdia_edm.detectors.inception import InceptionFeatures, inception_network
from bdia_edm.detectors.registry import NetworkKind

__all__ = ["EnteredFeatures", "InceptionVariant", "SpatialFeatures"]
__all__ += ["clean_input", "pytorch_fid_input", "tensorflow_input"]

SIZE = 299
"""The side of the images that the network takes."""
SPATIAL_CHANNELS = 7

Input = Callable[[Tensor], Tensor]


def tensorflow_input(images: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) to float32 (N, 3, 299, 299) as in TensorFlow's graph: from -1 to 0.992.

    Bilinear with the source at i·in/299: no half pixel, no antialiasing, no rounding. torch-fidelity's own.
    """
    # Imported here, as most runs do without.
    resized = extractor_module("interpolate_compat_tensorflow").interpolate_bilinear_2d_like_tensorflow1x
    x = resized(images.to(torch.float32), size=(SIZE, SIZE), align_corners=False)
    return (x - 128) / 128


def pytorch_fid_input(images: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) to float32 (N, 3, 299, 299) as pytorch-fid does: from -1 to 1.

    Bilinear with half pixels, without antialiasing, of pixels from 0 to 1.
    """
    x = images.to(torch.float32) / 255
    return 2 * functional.interpolate(x, size=(SIZE, SIZE), mode="bilinear", align_corners=False) - 1


def clean_input(images: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) to float32 (N, 3, 299, 299) as clean-fid's mode 'clean' does: from -1 to 0.992.

    Pillow's bicubic of each channel in float32 (Parmar et al. 2022, arXiv 2104.11222): antialiased on shrinking, held
    to 0..255, not rounded. PyTorch's equals it to 4e-3 of 255, with ``antialias`` even where it enlarges.
    """
    x = images.to(torch.float32)
    x = functional.interpolate(x, size=(SIZE, SIZE), mode="bicubic", align_corners=False, antialias=True)
    return (x.clamp(0, 255) - 128) / 128


class EnteredFeatures(InceptionFeatures):
    """The network behind another input than its extractor's own, which takes nothing but uint8.

    Args:
        extractor: torch-fidelity's; its modules stand in the order in which they are called.
        enter: uint8 RGB images to what the first convolution takes.
    """

    def __init__(self, extractor: nn.Module, enter: Input) -> None:
        super().__init__(extractor)
        self.enter = enter

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) to float32 features (N, 2048)."""
        return _through(self.extractor, self.enter(as_rgb(images)), "fc").flatten(1)


class SpatialFeatures(ExtractorFeatures):
    """What sFID compares (Nash et al. 2021, arXiv 2103.03841, as ADM's evaluator has it).

    The first 7 channels of `mixed_6/conv`, here `Mixed_6d.branch1x1`: 17·17·7 = 2,023 features.
    """

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) to float32 features (N, 2023)."""
        x = _through(self.extractor, tensorflow_input(as_rgb(images)), "Mixed_6d")
        return cast(Any, self.extractor).Mixed_6d.branch1x1(x)[:, :SPATIAL_CHANNELS].flatten(1)


def _through(extractor: nn.Module, x: Tensor, end: str) -> Tensor:
    """``x`` after all modules before the one called ``end``."""
    for _, module in takewhile(lambda found: found[0] != end, extractor.named_children()):
        x = module(x)
    return x


class InceptionVariant(NetworkKind):
    """The network of the kind ``inception``, from the same file, asked otherwise."""

    @classmethod
    @abstractmethod
    def asked(cls, extractor: nn.Module) -> nn.Module:
        """What takes uint8 images (N, 1 or 3, H, W) to features by torch-fidelity's extractor."""

    @classmethod
    def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
        return read_extractor(cls.name, lambda weights: cls.asked(inception_network(weights).extractor), path, device)
