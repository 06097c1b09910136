"""The pixels themselves, in [-1, 1]: the exact features for data whose mean and covariance say everything."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from bdia_edm.base.late_torch import torch
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS, DetectorKind

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PixelDetector", "Pixels"]


class PixelDetector(Detector):
    """The pixels of images of ``shape`` (C, H, W), as they lie in memory."""

    name = "pixels"

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.num_features = shape[0] * shape[1] * shape[2]
        self.checksum = hashlib.sha256(b"pixels / 127.5 - 1").hexdigest()

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to float32 (N, C·H·W)."""
        return images.flatten(1).to(torch.float32) / 127.5 - 1


@DETECTORS.add("pixels")
class Pixels(DetectorKind):
    """Images of any shape; there is no file."""

    name = "pixels"

    @classmethod
    def load(cls, path: Path | None, sha256: str | None, shape: tuple[int, int, int], device: torch.device) -> Detector:
        return PixelDetector(shape)
