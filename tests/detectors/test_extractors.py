"""Extractors as networks; torch-fidelity's own are in test_inception and test_dinov2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.extractors import ExtractorFeatures, read_extractor


class Mean(nn.Module):
    """The mean of each channel, as extractors give features: in a tuple."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (images.float().mean((2, 3)) * self.weight,)


def build(state_dict: Mapping[str, Tensor]) -> ExtractorFeatures:
    if "weight" not in state_dict:
        raise RuntimeError("no weight")
    return ExtractorFeatures(Mean(state_dict["weight"]))


def test_grey_and_rgb(tmp_path: Path) -> None:
    torch.save({"weight": torch.tensor([1.0, 2.0, 3.0])}, tmp_path / "a.pth")
    network = read_extractor("mean", build, tmp_path / "a.pth", torch.device("cpu"))
    assert network(torch.full((2, 1, 4, 4), 5, dtype=torch.uint8)).tolist() == [[5.0, 10.0, 15.0]] * 2
    assert network(torch.full((1, 3, 4, 4), 7, dtype=torch.uint8)).tolist() == [[7.0, 14.0, 21.0]]
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_weights_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    torch.save({"bias": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"a\.pth: not the weights of detector=mean: no weight$"):
        read_extractor("mean", build, tmp_path / "a.pth", torch.device("cpu"))
