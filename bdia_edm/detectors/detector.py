"""Detectors: networks whose features the distances compare.

A detector takes uint8 images (N, C, H, W) to float32 features (N, F). It has a name, which the distance carries, and
a checksum, which the record keeps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

__all__ = ["Detector", "ExtractorFeatures", "NetworkDetector", "PixelDetector", "as_rgb", "distance_name"]


class Detector(Protocol):
    """uint8 images to features, one row an image, whatever the others in the batch."""

    @property
    def name(self) -> str: ...
    @property
    def num_features(self) -> int: ...
    @property
    def checksum(self) -> str: ...

    def __call__(self, images: Tensor) -> Tensor: ...
    def __hash__(self) -> int: ...


def distance_name(detector: str) -> str:
    """What the Fréchet distance of a detector's features is called: FID is Inception's alone."""
    return "fid" if detector.startswith("inception") else f"fd_{detector}"


def as_rgb(images: Tensor) -> Tensor:
    """Images (N, 1 or 3, H, W) with three channels: grey is repeated."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


@dataclass(frozen=True)
class NetworkDetector:
    """A network as a detector."""

    name: str
    network: nn.Module
    num_features: int
    checksum: str
    device: torch.device

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W), on any device, to float32 (N, num_features) on the network's."""
        return self.network(images.to(self.device))


class ExtractorFeatures(nn.Module):
    """The one feature of a torch-fidelity extractor."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) to float32 features (N, F)."""
        (features,) = self.extractor(as_rgb(images))
        return features


class PixelDetector:
    """The pixels themselves, in [-1, 1]: the exact features for data whose mean and covariance say everything."""

    name = "pixels"

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.num_features = shape[0] * shape[1] * shape[2]
        self.checksum = hashlib.sha256(b"pixels / 127.5 - 1").hexdigest()

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W) to float32 (N, C·H·W)."""
        return images.flatten(1).to(torch.float32) / 127.5 - 1
