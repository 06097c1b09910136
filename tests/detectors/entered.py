"""A stand-in for torch-fidelity's extractor: what its first module is given comes out as the features."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

__all__ = ["IMAGES", "extractor"]

IMAGES = torch.randint(0, 256, (2, 3, 8, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


class Block(nn.Module):
    """Has the branch whose channels the sFID compares: 10 channels of which channel k is k times the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.branch1x1 = Channels()

    def forward(self, x: Tensor) -> Tensor:
        raise AssertionError("the network is asked for no more than its branch")


class Channels(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=1, keepdim=True) * torch.arange(10.0).reshape(1, -1, 1, 1)


def extractor() -> nn.Module:
    """A module that gives its input, then ``Mixed_6d`` and ``fc``."""
    children = OrderedDict(first=nn.Identity(), Mixed_6d=Block(), fc=nn.Linear(1, 1))
    return nn.Sequential(children)
