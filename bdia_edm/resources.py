"""What a run works with, loaded from its cards: the denoiser, the detector, the reference statistics."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import nn

from bdia_edm.cards import PACKAGE, DetectorCard, MixtureCard, NetworkCard
from bdia_edm.checkpoints.downloads import fetch
from bdia_edm.checkpoints.pickle_reader import read_pickle
from bdia_edm.checkpoints.safetensors_file import load_weights, read_network
from bdia_edm.engine.worker import to_uint8
from bdia_edm.errors import UserError
from bdia_edm.metrics.detectors import Detector, NetworkDetector, PixelDetector
from bdia_edm.metrics.digits_detector import DigitsDetector
from bdia_edm.metrics.reference import ReferenceStatistics, read_reference
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import PRECONDITIONINGS, Denoiser

__all__ = ["LoadedDenoiser", "load_denoiser", "load_detector", "load_reference", "locate"]

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
    path = locate(card.path)
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
    path = locate(card.path or "embedded:digits_detector.safetensors")
    network = load_weights({"DigitsDetector": DigitsDetector}, read_network(path, "detector"), path).to(device)
    if shape != DigitsDetector.shape:
        raise UserError(f"detector=digits: takes images of shape {DigitsDetector.shape}, and these are {shape}")
    return NetworkDetector("digits", network, _num_features(network, shape, device), _sha256(path))


@lru_cache(maxsize=2)
def load_reference(card: NetworkCard | MixtureCard, detector: Detector) -> ReferenceStatistics:
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
        return _exact_reference(card, detector)
    return read_reference(locate(card.reference), detector.name, detector.num_features)


def _exact_reference(card: MixtureCard, detector: Detector) -> ReferenceStatistics:
    mixture = cast(GaussianMixture, load_denoiser(card, torch.device("cpu")).denoiser)
    statistics = FeatureStatistics(detector.num_features)
    for samples in mixture.exact_samples(card.reference_samples).split(1000):
        statistics.add(detector(to_uint8(samples)).cpu().numpy())
    mean, covariance = statistics.mean_and_covariance()
    return ReferenceStatistics(mean, covariance, hashlib.sha256(mean.tobytes() + covariance.tobytes()).hexdigest())


def _num_features(network: nn.Module, shape: tuple[int, int, int], device: torch.device) -> int:
    with torch.inference_mode():
        return network(torch.zeros(1, *shape, dtype=torch.uint8, device=device)).shape[1]


def locate(path: str) -> Path:
    """The file of 'embedded:NAME', of a URL (fetched where it is not in the cache), or of a path."""
    if path.startswith(_EMBEDDED):
        return PACKAGE / "assets" / path.removeprefix(_EMBEDDED)
    return fetch(path) if "://" in path else Path(path)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
