"""inception_pytorch_fid: pytorch-fid's input before the network, and a distance of its own name."""

from __future__ import annotations

import torch
from torch import nn

from bdia_edm.detectors.inception_inputs import pytorch_fid_input
from bdia_edm.detectors.inception_pytorch_fid import PytorchFidInception
from bdia_edm.detectors.registry import DETECTORS
from tests.detectors.entered import IMAGES, extractor


def test_what_enters() -> None:
    assert DETECTORS["inception_pytorch_fid"] is PytorchFidInception
    assert PytorchFidInception.distance == "fid_pytorch"
    network = extractor()
    network.Mixed_6d = nn.Identity()
    assert torch.equal(PytorchFidInception.asked(network)(IMAGES), pytorch_fid_input(IMAGES).flatten(1))
