"""FID's Inception-v3, 2,048 features, in two translations of the TensorFlow graph of 2015-12-05.

torch-fidelity's is a module whose weights are a file; NVIDIA's is a TorchScript file, with which EDM's reference
statistics were made. Both take images of any size and resize them as TensorFlow 1 did.

Of torch-fidelity only the extractors are used: its own statistics are in float32 in part and it asserts equal types.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bdia_edm.detectors.detector import ExtractorFeatures, as_rgb

__all__ = ["ScriptedFeatures", "inception_network"]


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


def inception_network(state_dict: Mapping[str, Tensor]) -> ExtractorFeatures:
    """torch-fidelity's Inception-v3 with these weights.

    Raises:
        RuntimeError: they do not fit.
    """
    # Imported here: torch-fidelity brings torchvision, which takes seconds, and most runs need neither.
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    # The extractor unpickles the file that it is given, with all that a pickle can do; so it is given these tensors,
    # pickled here, and never a file from elsewhere.
    pickled = io.BytesIO()
    torch.save(dict(state_dict), pickled)
    pickled.seek(0)
    extractor = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=pickled, feature_extractor_internal_dtype=None
    )
    return ExtractorFeatures(extractor)
