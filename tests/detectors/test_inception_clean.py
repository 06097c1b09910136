"""inception_clean: clean-fid's input before the network, and a distance of its own name."""

from __future__ import annotations

import torch
from torch import nn

from bdia_edm.detectors.inception_clean import CleanInception
from bdia_edm.detectors.inception_inputs import clean_input
from bdia_edm.detectors.registry import DETECTORS
from tests.detectors.entered import IMAGES, extractor


def test_what_enters() -> None:
    assert DETECTORS["inception_clean"] is CleanInception
    assert CleanInception.distance == "fid_clean"
    network = extractor()
    network.Mixed_6d = nn.Identity()
    assert torch.equal(CleanInception.asked(network)(IMAGES), clean_input(IMAGES).flatten(1))
