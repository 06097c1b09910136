"""Several detectors as one: each one's own values, bit for bit."""

from __future__ import annotations

import torch
from torch import Tensor

from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.detectors.side_by_side import SideBySide

IMAGES = torch.randint(0, 256, (5, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


class Means(PixelDetector):
    """The mean grey, and whether it is light, as logits of two classes."""

    name = "means"
    num_logits = 2

    def __init__(self) -> None:
        self.num_features, self.checksum = 1, "means"

    def __call__(self, images: Tensor) -> Tensor:
        return images.flatten(1).to(torch.float32).mean(dim=1, keepdim=True)

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self(images)
        return features, torch.cat([features, 255 - features], dim=1)


def test_each_has_its_own() -> None:
    each = [PixelDetector((1, 4, 4)), Means()]
    joined = SideBySide(each)
    assert (joined.num_features, joined.num_logits) == (17, 2)
    features, logits = joined.with_logits(IMAGES)
    assert torch.equal(features, joined(IMAGES))
    parts = joined.apart(features.numpy(), logits.numpy())
    for detector, (own_features, own_logits) in zip(each, parts, strict=True):
        expected = detector.with_logits(IMAGES)
        assert torch.equal(torch.from_numpy(own_features), expected[0])
        assert torch.equal(torch.from_numpy(own_logits), expected[1])


def test_logits_that_nobody_asked_for() -> None:
    joined = SideBySide([Means(), PixelDetector((1, 4, 4))])
    features = joined(IMAGES).numpy()
    parts = joined.apart(features, features[:, :0])
    assert [(one.shape, other.shape) for one, other in parts] == [((5, 1), (5, 0)), ((5, 16), (5, 0))]
