"""Detectors: networks whose features the metrics compare.

A detector takes uint8 images (N, C, H, W) to float32 features (N, F), one row an image, whatever the others in the
batch. It has a name, which the metrics carry, and a checksum, which the record keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from bdia_edm.base.late_torch import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Classifier", "Detector", "NetworkDetector", "as_rgb"]


class Detector(Protocol):
    """What every detector is. One of the user's own derives from this, or has the same attributes.

    Attributes:
        name: of the detector; features of other networks, or of another size of one, have another name.
        num_features: length F of an image's features.
        num_logits: number K of classes that it tells apart; 0: it has no logits.
        checksum: of what the features depend on.
    """

    name: str
    num_features: int
    num_logits: int = 0
    checksum: str

    @property
    def distance_name(self) -> str:
        """What the Fréchet distance of its features is called: 'fid' is Inception's alone."""
        return f"fd_{self.name}"

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images (N, C, H, W) to float32 features (N, F)."""
        ...

    def __hash__(self) -> int:
        return object.__hash__(self)

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The features (N, F), the same bits as without, and the logits (N, K) float32."""
        features = self(images)
        return features, features.new_zeros((len(features), 0))


class Classifier(Protocol):
    """A network that gives its classes' logits beside the features."""

    num_logits: int

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 images (N, C, H, W) to features (N, F) and logits (N, K)."""
        ...


def as_rgb(images: Tensor) -> Tensor:
    """Images (N, 1 or 3, H, W) with three channels: grey is repeated."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


@dataclass(eq=False)
class NetworkDetector(Detector):
    """A network as a detector.

    Attributes:
        network: on ``device``; one that is a ``Classifier`` gives the logits too.
        distance: what the Fréchet distance of its features is called; '' where it has no name of its own.
    """

    name: str
    network: nn.Module
    num_features: int
    checksum: str
    device: torch.device
    num_logits: int = 0
    distance: str = ""

    @property
    def distance_name(self) -> str:
        return self.distance or super().distance_name

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, C, H, W), on any device, to float32 (N, num_features) on the network's."""
        return self.network(images.to(self.device))

    def with_logits(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if not self.num_logits:
            return super().with_logits(images)
        return cast(Classifier, self.network).with_logits(images.to(self.device))
