"""inception_spatial: TensorFlow's input, and the first seven channels of one branch."""

from __future__ import annotations

import torch

from bdia_edm.detectors.inception_inputs import tensorflow_input
from bdia_edm.detectors.inception_spatial import SpatialInception
from bdia_edm.detectors.registry import DETECTORS
from tests.detectors.entered import IMAGES, extractor


def test_what_is_compared() -> None:
    assert DETECTORS["inception_spatial"] is SpatialInception
    assert SpatialInception.distance == "sfid"
    found = SpatialInception.asked(extractor())(IMAGES).reshape(2, 7, 299, 299)
    mean = tensorflow_input(IMAGES).mean(dim=1)
    for channel in range(7):
        assert torch.equal(found[:, channel], channel * mean)
