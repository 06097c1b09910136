"""FID's Inception-v3 behind pytorch-fid's resize and range, from torch-fidelity's file: 2,048 features.

clean-fid's mode 'legacy_pytorch' is the same."""

from __future__ import annotations

from torch import nn

from bdia_edm.detectors.inception_inputs import EnteredFeatures, InceptionVariant, pytorch_fid_input
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["PytorchFidInception"]


@DETECTORS.add("inception_pytorch_fid")
class PytorchFidInception(InceptionVariant):
    """Inception-v3 with images resized as PyTorch does by default, entering from -1 to 1."""

    name = "inception_pytorch_fid"
    distance = "fid_pytorch"

    @classmethod
    def asked(cls, extractor: nn.Module) -> nn.Module:
        return EnteredFeatures(extractor, pytorch_fid_input)
