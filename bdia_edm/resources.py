"""What a run works with, loaded from its cards: the denoiser, the detector, the reference statistics."""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bdia_edm.cards import PACKAGE, DetectorCard, MixtureCard, NetworkCard
from bdia_edm.checkpoints.downloads import fetch
from bdia_edm.checkpoints.pickle_reader import read_pickle
from bdia_edm.checkpoints.safetensors_file import load_weights, read_network
from bdia_edm.engine.worker import to_uint8
from bdia_edm.errors import UserError
from bdia_edm.metrics.detectors import Detector, NetworkDetector, PixelDetector
from bdia_edm.metrics.digits_detector import DigitsDetector
from bdia_edm.metrics.reference import Reference, ReferenceStatistics, read_reference
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import PRECONDITIONINGS, Denoiser

__all__ = ["LoadedDenoiser", "load_denoiser", "load_detector", "load_reference"]

_EMBEDDED = "embedded:"


class LoadedDenoiser(NamedTuple):
    """A denoiser on its device and what identifies its weights."""

    denoiser: Denoiser
    checksum: str


@lru_cache(maxsize=2)
def load_denoiser(card: NetworkCard | MixtureCard, device: torch.device) -> LoadedDenoiser:
    """The card's denoiser, in evaluation mode; a later call for the same card gets the same one.

    Raises:
        UserError: the file is missing or is no network.
    """
    if isinstance(card, MixtureCard):
        mixture = GaussianMixture(card.img_resolution, card.img_channels, card.components, card.seed)
        digest = hashlib.sha256()
        for name, tensor in mixture.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
        return LoadedDenoiser(mixture.to(device).eval(), digest.hexdigest())
    path = _locate(card.path)
    stored = read_pickle(path) if path.suffix == ".pkl" else read_network(path, "denoiser")
    network = load_weights(PRECONDITIONINGS, stored, path).to(device)
    return LoadedDenoiser(cast(Denoiser, network), _sha256(path))


@lru_cache(maxsize=2)
def load_detector(card: DetectorCard, shape: tuple[int, int, int], device: torch.device) -> Detector | None:
    """The card's detector for images of ``shape`` (C, H, W); None for detector=none.

    Raises:
        UserError: the file is missing or is no detector, or the detector does not take such images.
    """
    if card.name == "none":
        return None
    if card.name == "pixels":
        return PixelDetector(shape)
    path = _locate(card.path or "embedded:digits_detector.safetensors")
    network = load_weights({"DigitsDetector": DigitsDetector}, read_network(path, "detector"), path).to(device)
    if shape != DigitsDetector.shape:
        raise UserError(f"detector=digits: takes images of shape {DigitsDetector.shape}, and the model's are {shape}")
    return NetworkDetector("digits", network, _num_features(network, shape, device), _sha256(path))


@lru_cache(maxsize=2)
def load_reference(card: NetworkCard | MixtureCard, detector: Detector) -> Reference:
    """The data's statistics in the detector's features.

    Raises:
        UserError: the card has none, or the file is not fit for this detector.
    """
    if card.reference is None:
        raise UserError(
            "model.reference: missing; distances need the data's statistics (an npz with mu and sigma), and "
            "detector=none measures none"
        )
    if isinstance(card, MixtureCard) and card.reference == "exact":
        return _ExactReference(card, detector)
    return read_reference(_locate(card.reference), detector.name, detector.num_features)


class _ExactReference:
    """The statistics of a mixture's exact samples, computed when they are first asked for.

    Of a run's workers only the one that measures does so; for all of them the checksum is that of what they are
    computed from.
    """

    def __init__(self, card: MixtureCard, detector: Detector) -> None:
        self._card, self._detector = card, detector
        source = f"exact {load_denoiser(card, torch.device('cpu')).checksum} {card.reference_samples} "
        self.checksum = hashlib.sha256((source + detector.checksum).encode()).hexdigest()

    @property
    def mean(self) -> NDArray[np.float64]:
        return self._statistics.mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        return self._statistics.covariance

    def distance(self, statistics: FeatureStatistics) -> float:
        return self._statistics.distance(statistics)

    @cached_property
    def _statistics(self) -> ReferenceStatistics:
        mixture = cast(GaussianMixture, load_denoiser(self._card, torch.device("cpu")).denoiser)
        statistics = FeatureStatistics(self._detector.num_features)
        for samples in mixture.exact_batches(self._card.reference_samples):
            statistics.add(self._detector(to_uint8(samples)).cpu().numpy())
        mean, covariance = statistics.mean_and_covariance()
        return ReferenceStatistics(mean, covariance, self.checksum)


def _num_features(network: nn.Module, shape: tuple[int, int, int], device: torch.device) -> int:
    with torch.inference_mode():
        return network(torch.zeros(1, *shape, dtype=torch.uint8, device=device)).shape[1]


def _locate(path: str) -> Path:
    """The file of 'embedded:NAME', of a URL (fetched where it is not in the cache), or of a path."""
    if path.startswith(_EMBEDDED):
        return PACKAGE / "assets" / path.removeprefix(_EMBEDDED)
    return fetch(path) if "://" in path else Path(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
