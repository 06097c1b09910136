"""The protocols' detectors with small networks behind the real inputs, and NVIDIA's interface around another."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bdia_edm.detectors.detector import as_rgb
from bdia_edm.detectors.inception_inputs import Input, clean_input, pytorch_fid_input, tensorflow_input
from bdia_edm.detectors.registry import DETECTORS, NetworkKind
from tests.detector_files import SmallInception, write_torchscript

NAMES = ("inception", "inception_clean", "inception_pytorch_fid", "inception_spatial")
_INPUTS = (tensorflow_input, clean_input, pytorch_fid_input, tensorflow_input)


class Small(nn.Module):
    num_logits = 5

    def __init__(self, enter: Input, features: int) -> None:
        super().__init__()
        self.enter = enter
        with torch.random.fork_rng():
            torch.manual_seed(features)
            self.conv, self.head = nn.Conv2d(3, features, 5, stride=9), nn.Linear(features, 5)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.conv(self.enter(as_rgb(images)))).mean(dim=[2, 3])

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self(images)
        return features, 20 * self.head(features)


def small_kind(name: str, enter: Input) -> type[NetworkKind]:
    class Kind(NetworkKind):
        @classmethod
        def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
            return Small(enter, 8 if name == "inception_spatial" else 16).eval()

    Kind.name = name
    return Kind


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The options that name the small detectors' files."""
    DETECTORS.names()
    for name, enter in zip(NAMES, _INPUTS, strict=True):
        monkeypatch.setitem(DETECTORS._found, name, small_kind(name, enter))
    weights, nvidia = tmp_path / "weights.pth", tmp_path / "nvidia.pt"
    weights.write_bytes(b"small")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        write_torchscript(nvidia, SmallInception())
    checksum = hashlib.sha256(nvidia.read_bytes()).hexdigest()
    return {"weights": str(weights), "nvidia": str(nvidia), "nvidia_sha256": checksum}
