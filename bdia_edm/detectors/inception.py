"""FID's Inception-v3 as torch-fidelity translated the TensorFlow graph of 2015-12-05: 2,048 features.

It takes images of any size and resizes them as TensorFlow 1 did.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from bdia_edm.detectors.extractors import ExtractorFeatures, extractor_module, read_extractor
from bdia_edm.detectors.registry import DETECTORS, NetworkKind

__all__ = ["Inception", "InceptionFeatures", "inception_network"]


class InceptionFeatures(ExtractorFeatures):
    """Features, and on request the logits of the 1,008 classes without the bias, as the Inception score takes them."""

    num_logits = 1008

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (N, 1 or 3, H, W) to features (N, 2048) and logits (N, 1008)."""
        features = self(images)
        # As the extractor computes its 'logits_unbiased'; asked for those it would still give the same features.
        return features, features.mm(cast(Any, self.extractor).fc.weight.T)


def inception_network(state_dict: Mapping[str, Tensor]) -> InceptionFeatures:
    """torch-fidelity's Inception-v3 with these weights.

    Raises:
        RuntimeError: they do not fit.
    """
    # Imported here, as most runs do without.
    of_fidelity = extractor_module("feature_extractor_inceptionv3")

    # The extractor unpickles the file that it is given, with all that a pickle can do; so it is given these tensors,
    # pickled here, and never a file from elsewhere.
    pickled = io.BytesIO()
    torch.save(dict(state_dict), pickled)
    pickled.seek(0)
    extractor = of_fidelity.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=pickled, feature_extractor_internal_dtype=None
    )
    return InceptionFeatures(extractor)


@DETECTORS.add("inception")
class Inception(NetworkKind):
    """Inception-v3 from a file of weights."""

    name = "inception"
    distance = "fid"

    @classmethod
    def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
        return read_extractor(cls.name, inception_network, path, device)
