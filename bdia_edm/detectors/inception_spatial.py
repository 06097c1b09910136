"""sFID's features from torch-fidelity's file: 2,023 of a layer of FID's Inception-v3 that knows where things are."""

from __future__ import annotations

from torch import nn

from bdia_edm.detectors.inception_inputs import InceptionVariant, SpatialFeatures
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["SpatialInception"]


@DETECTORS.add("inception_spatial")
class SpatialInception(InceptionVariant):
    """Seven channels of a middle layer of Inception-v3, as ADM's evaluator takes them; their distance is the sFID."""

    name = "inception_spatial"
    distance = "sfid"

    @classmethod
    def asked(cls, extractor: nn.Module) -> nn.Module:
        return SpatialFeatures(extractor)
