"""The detector of the embedded digits: a small classifier whose last hidden layer gives 64 features.

It stands to the digits as Inception-v3 to photographs. ``scripts/train_digits.py`` trains it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.safetensors_file import load_weights, read_network
from bdia_edm.detectors.registry import DETECTORS, NetworkKind

__all__ = ["Digits", "DigitsDetector"]


class DigitsDetector(nn.Module):
    """Two convolutions, one hidden layer, ten classes.

    Args:
        width: channels of the first convolution; the second has twice as many.
        features: size of the hidden layer.
    """

    shape = (1, 8, 8)
    num_logits = 10

    def __init__(self, width: int = 32, features: int = 64) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * 16, features),
            nn.ReLU(),
        )
        self.classify = nn.Linear(features, self.num_logits)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 images (N, 1, 8, 8) to float32 features (N, 64)."""
        return self.features(images.float() / 127.5 - 1)

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 images (N, 1, 8, 8) to features (N, 64) and the classes' logits (N, 10)."""
        features = self.forward(images)
        return features, self.classify(features)


@DETECTORS.add("digits")
class Digits(NetworkKind):
    """The digits' classifier, from a safetensors file."""

    name = "digits"

    @classmethod
    def check_shape(cls, shape: tuple[int, int, int]) -> None:
        if shape != DigitsDetector.shape:
            given = f"{named('detector')}={cls.name}"
            raise UserError(f"{given}: takes images of shape {DigitsDetector.shape}, and these are {shape}")

    @classmethod
    def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
        return load_weights({"DigitsDetector": DigitsDetector}, read_network(path, "detector"), path).to(device)
