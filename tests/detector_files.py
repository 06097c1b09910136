"""Files of detectors as they are published, with random weights: the real ones cannot be had without a network."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from bdia_edm.detectors.dinov2 import VisionTransformer


class RandomInception(FeatureExtractorInceptionV3):
    """torch-fidelity's Inception-v3 as its constructor makes it, before any weights are loaded."""

    def __init__(self) -> None:
        nothing = io.BytesIO()
        torch.save({}, nothing)
        nothing.seek(0)
        super().__init__("random", ["2048"], feature_extractor_weights_path=nothing)

    def load_state_dict(self, *_: Any, **__: Any) -> None:
        pass


def random_inception(seed: int = 0) -> RandomInception:
    """Inception-v3 with random weights whose features vary from image to image."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = RandomInception()
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
    return network


def write_inception(path: Path, seed: int = 0) -> None:
    """A file as weights-inception-2015-12-05-6726825d.pth: a state dict that torch.save wrote."""
    torch.save(random_inception(seed).state_dict(), path)


class SmallInception(nn.Module):
    """The interface of NVIDIA's TorchScript file around a small network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, stride=2)
        self.head = nn.Linear(16, 8)

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        features = torch.relu(self.conv(img.to(torch.float32) / 128 - 1)).mean(dim=[2, 3])
        return features if return_features else torch.softmax(self.head(features), dim=1)


class TupleInception(SmallInception):
    """The same, with features and logits."""

    def forward(  # type: ignore[override]
        self, img: Tensor, return_features: bool = False
    ) -> tuple[Tensor, Tensor]:
        features = torch.relu(self.conv(img.to(torch.float32) / 128 - 1)).mean(dim=[2, 3])
        return features, self.head(features)


class SavingInception(SmallInception):
    """The same, and it writes a file."""

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        torch.save(img, "canary")
        return self.conv(img.to(torch.float32)).mean(dim=[2, 3])


def write_torchscript(path: Path, network: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network.eval()).save(str(path))


def write_dinov2(path: Path, width: int = 128, depth: int = 2, gated: bool = False) -> VisionTransformer:
    """A file as dinov2_vits14_pretrain.pth, of another size, and its network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = VisionTransformer(width, depth, 37, gated)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.1)
    torch.save(network.state_dict(), path)
    return network.eval()


class Command:
    """Unpickled with pickle, it runs a shell command."""

    def __init__(self, line: str) -> None:
        self.line = line

    def __reduce__(self) -> Any:
        return os.system, (self.line,)
