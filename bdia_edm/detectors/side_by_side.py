"""Several detectors as one: the engine takes their features in one pass, side by side, and the end of a run apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bdia_edm.detectors.detector import Detector

__all__ = ["SideBySide"]

Float32 = NDArray[np.float32]


class SideBySide(Detector):
    """Features and logits of all of them for the same images, in their order.

    Args:
        detectors: one or more.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self.name = "+".join(each.name for each in detectors)
        self.checksum = "+".join(each.checksum for each in detectors)
        self.num_features = sum(each.num_features for each in detectors)
        self.num_logits = sum(each.num_logits for each in detectors)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images (N, C, H, W) to float32 features (N, F_1 + F_2 + ...)."""
        return _joined([detector(images) for detector in self.detectors])

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = [detector.with_logits(images) for detector in self.detectors]
        return _joined([features for features, _ in found]), _joined([logits for _, logits in found])

    def apart(self, features: Float32, logits: Float32) -> list[tuple[Float32, Float32]]:
        """Each one's own of features (n, F_1 + F_2 + ...) and logits (n, K_1 + K_2 + ...), which may be (n, 0)."""
        ends = np.cumsum([each.num_features for each in self.detectors])[:-1]
        classes = np.cumsum([each.num_logits for each in self.detectors])[:-1]
        each_features, each_logits = np.split(features, ends, axis=1), np.split(logits, classes, axis=1)
        return [*zip(each_features, each_logits, strict=True)]


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.to(parts[0].device) for part in parts], dim=1) if len(parts) > 1 else parts[0]
