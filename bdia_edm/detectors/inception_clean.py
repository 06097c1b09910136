"""FID's Inception-v3 behind clean-fid's resize (mode 'clean'), from torch-fidelity's file: 2,048 features."""

from __future__ import annotations

from torch import nn

from bdia_edm.detectors.detector import NetworkDetector
from bdia_edm.detectors.inception_inputs import EnteredFeatures, InceptionVariant, clean_input
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["CleanInception", "CleanInceptionDetector"]


class CleanInceptionDetector(NetworkDetector):
    """FID's network as clean-fid feeds it."""

    @property
    def distance_name(self) -> str:
        return "fid_clean"


@DETECTORS.add("inception_clean")
class CleanInception(InceptionVariant):
    """Inception-v3 with images resized as Pillow's bicubic does, antialiased."""

    name = "inception_clean"
    detector_class = CleanInceptionDetector

    @classmethod
    def asked(cls, extractor: nn.Module) -> nn.Module:
        return EnteredFeatures(extractor, clean_input)
