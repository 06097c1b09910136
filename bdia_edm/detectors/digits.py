"""The detector of the embedded digits: a small classifier whose last hidden layer gives 64 features.

It stands to the digits as Inception-v3 to photographs. ``scripts/train_digits.py`` trains it.
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["DigitsDetector"]


class DigitsDetector(nn.Module):
    """Two convolutions, one hidden layer, ten classes.

    Args:
        width: channels of the first convolution; the second has twice as many.
        features: size of the hidden layer.
    """

    shape = (1, 8, 8)

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
        self.classify = nn.Linear(features, 10)

    def forward(self, images: Tensor) -> Tensor:
        """uint8 images (N, 1, 8, 8) to float32 features (N, 64)."""
        return self.features(images.float() / 127.5 - 1)

    def logits(self, images: Tensor) -> Tensor:
        """uint8 images (N, 1, 8, 8) to class logits (N, 10)."""
        return self.classify(self.forward(images))
