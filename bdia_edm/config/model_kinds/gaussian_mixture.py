"""kind: gaussian_mixture, a mixture with its exact denoiser and, if asked for, its exact statistics."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option, require
from bdia_edm.config.model_card import MODEL_KINDS, ModelCard
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.metrics.reference import Reference, ReferenceStatistics
from bdia_edm.metrics.statistics import FeatureStatistics

if TYPE_CHECKING:
    import torch

    from bdia_edm.detectors.detector import Detector
    from bdia_edm.models.denoiser import Denoiser
    from bdia_edm.models.gaussian_mixture import GaussianMixture

__all__ = ["MixtureCard"]

_KEPT = 10_000
"""How many of the exact samples' features are kept, as ``fid ref --features`` does."""
_MOST_NUMBERS = 2**26
"""Of all means, half a gigabyte."""


@MODEL_KINDS.add("gaussian_mixture")
@dataclass(frozen=True, kw_only=True)
class MixtureCard(ModelCard):
    """A Gaussian mixture; its dimension is img_channels·img_resolution²."""

    kind = "gaussian_mixture"
    img_resolution: int = option(words="height and width of an image", unit="pixels", low=1, high=4096)
    img_channels: int = option(words="channels of an image", low=1, high=1024)
    components: int = option(words="number of Gaussians", low=1, high=100_000)
    seed: int = option(words="of the means, deviations and weights", low=0, high=2**63 - 1)
    reference: str | None = option(
        "exact",
        words="exact takes the statistics of reference_samples exact samples, moments those of all that there can be, "
        "as pixels (detector=pixels); or an npz file",
    )
    reference_samples: int = option(
        50_000, words="how many exact samples the reference is made of", low=2, high=10_000_000
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = self.components * self.img_channels * self.img_resolution**2
        given = f"{self.components} of {self.img_channels} x {self.img_resolution} x {self.img_resolution}"
        allowed = f"so few that their means are {_MOST_NUMBERS} numbers at most, these are {numbers}"
        require(numbers <= _MOST_NUMBERS, "model.components", given, allowed)

    def checksum(self) -> str:
        # The same numbers are other means in images of another shape.
        digest = hashlib.sha256(f"{self.img_channels} {self.img_resolution}".encode())
        for name, tensor in self.mixture().state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    def load(self, device: torch.device) -> Denoiser:
        return self.mixture().to(device).eval()

    def reference_file(self) -> Path | None:
        return None if self.reference in _COMPUTED else super().reference_file()

    def load_reference(self, detector: Detector, features: bool = False, file: str | None = None) -> Reference:
        if file is None and self.reference == "moments" and detector.name != PixelDetector.name:
            raise UserError(
                f"model.reference=moments: known of pixels, and this run's detector is {detector.name}; take "
                "model.reference=exact or detector=pixels"
            )
        if file is None and self.reference in _COMPUTED:
            return _COMPUTED[self.reference](self, detector)
        return super().load_reference(detector, features, file)

    def mixture(self) -> GaussianMixture:
        """The mixture, on the CPU."""
        # Imported here, as below: a command's help lists the options without PyTorch.
        from bdia_edm.models.gaussian_mixture import GaussianMixture

        return GaussianMixture(self.img_resolution, self.img_channels, self.components, self.seed)


class _ExactReference:
    """The statistics of a mixture's exact samples, computed when they are first asked for.

    Of a run's workers only the one that measures does so; for all of them the checksum is that of what they are
    computed from.
    """

    how = "exact"

    def __init__(self, card: MixtureCard, detector: Detector) -> None:
        self._card, self._detector = card, detector
        self.num_kept = min(card.reference_samples, _KEPT)
        # They are drawn as the others are, and told by their checksum.
        self.features_checksum = ""
        source = f"{self.how} {card.checksum()} {card.reference_samples} "
        self.checksum = hashlib.sha256((source + detector.checksum).encode()).hexdigest()

    @property
    def mean(self) -> NDArray[np.float64]:
        return self._statistics.mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        return self._statistics.covariance

    @property
    def features(self) -> NDArray[np.float32]:
        return self._statistics.features

    @cached_property
    def _statistics(self) -> ReferenceStatistics:
        from bdia_edm.engine.batch import to_uint8

        statistics = FeatureStatistics(self._detector.num_features)
        kept = np.empty((self.num_kept, self._detector.num_features), np.float32)
        for samples in self._card.mixture().exact_batches(self._card.reference_samples):
            features = self._detector(to_uint8(samples)).cpu().numpy()
            room = kept[statistics.num : statistics.num + len(features)]
            room[:] = features[: len(room)]
            statistics.add(features)
        mean, covariance = statistics.mean_and_covariance()
        return ReferenceStatistics(mean, covariance, self.checksum, kept)


class _TrueReference(_ExactReference):
    """The moments of the mixture's pixels themselves; features are of its exact samples."""

    how = "moments"

    @property
    def mean(self) -> NDArray[np.float64]:
        return self._moments[0]

    @property
    def covariance(self) -> NDArray[np.float64]:
        return self._moments[1]

    @cached_property
    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from bdia_edm.models.mixture_pixels import pixel_moments

        mixture = self._card.mixture()
        return pixel_moments(mixture.means.numpy(), mixture.deviations.numpy(), mixture.weights.numpy())


_COMPUTED = {"exact": _ExactReference, "moments": _TrueReference}
