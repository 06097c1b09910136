"""FID's Inception-v3 as NVIDIA translated it: a TorchScript file, with which EDM's reference statistics were made."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bdia_edm.checkpoints.torch_weights import read_torchscript
from bdia_edm.detectors.detector import as_rgb
from bdia_edm.detectors.inception import Inception
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["NvidiaInception", "ScriptedFeatures"]


class ScriptedFeatures(nn.Module):
    """The features of a TorchScript network that takes ``return_features=True``."""

    def __init__(self, network: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, 1 or 3, H, W) to float32 features (N, F)."""
        # Without this the first batches would run as written and later ones optimized, with other last bits.
        with torch.jit.optimized_execution(False):
            features = self.network(as_rgb(images), return_features=True)
        if not isinstance(features, Tensor):
            raise TypeError(f"its features are no tensor but a {type(features).__name__}")
        return features.to(torch.float32)


@DETECTORS.add("inception_nvidia")
class NvidiaInception(Inception):
    """Inception-v3 from a TorchScript file, which is a program: only one whose checksum is given is run."""

    name = "inception_nvidia"
    needs_sha256 = True

    @classmethod
    def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
        assert sha256 is not None  # it is needed, and was asked for
        return ScriptedFeatures(read_torchscript(path, sha256, device))
