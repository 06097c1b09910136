"""FID's Inception-v3 behind clean-fid's resize (mode 'clean'), from torch-fidelity's file: 2,048 features."""

from __future__ import annotations

from torch import nn

from bdia_edm.detectors.inception_inputs import EnteredFeatures, InceptionVariant, clean_input
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["CleanInception"]


@DETECTORS.add("inception_clean")
class CleanInception(InceptionVariant):
    """Inception-v3 with images resized as Pillow's bicubic does, antialiased."""

    name = "inception_clean"
    distance = "fid_clean"

    @classmethod
    def asked(cls, extractor: nn.Module) -> nn.Module:
        return EnteredFeatures(extractor, clean_input)
