"""The pixels as features."""

from __future__ import annotations

import torch

from bdia_edm.detectors.pixels import PixelDetector


def test_pixels() -> None:
    detector = PixelDetector((3, 2, 2))
    images = torch.tensor([0, 255, 51] * 4, dtype=torch.uint8).reshape(1, 3, 2, 2)
    features = detector(images)
    assert (features.dtype, features.shape, detector.num_features) == (torch.float32, (1, 12), 12)
    torch.testing.assert_close(features[0, :3], torch.tensor([-1.0, 1.0, -0.6]))
    assert (detector.distance_name, detector.num_logits) == ("fd_pixels", 0)
