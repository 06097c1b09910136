"""sFID's features from torch-fidelity's file: 2,023 of a layer of FID's Inception-v3 that knows where things are."""

from __future__ import annotations

from torch import nn

from bdia_edm.detectors.detector import NetworkDetector
from bdia_edm.detectors.inception_inputs import InceptionVariant, SpatialFeatures
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["SpatialInception", "SpatialInceptionDetector"]


class SpatialInceptionDetector(NetworkDetector):
    """FID's network up to a layer that still knows where things are; its distance is the sFID."""

    @property
    def distance_name(self) -> str:
        return "sfid"


@DETECTORS.add("inception_spatial")
class SpatialInception(InceptionVariant):
    """Seven channels of a middle layer of Inception-v3, as ADM's evaluator takes them."""

    name = "inception_spatial"
    detector_class = SpatialInceptionDetector

    @classmethod
    def asked(cls, extractor: nn.Module) -> nn.Module:
        return SpatialFeatures(extractor)
