"""What a run works with, loaded from its cards: the denoiser, the detector, the reference statistics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.description import read_stored
from bdia_edm.checkpoints.downloads import fetch, file_sha256
from bdia_edm.checkpoints.safetensors_file import load_weights, read_network
from bdia_edm.checkpoints.torch_weights import read_state_dict, read_torchscript
from bdia_edm.config.cards import PACKAGE, DetectorCard, MixtureCard, NetworkCard, RemoteFile
from bdia_edm.detectors.detector import Detector, NetworkDetector, PixelDetector
from bdia_edm.detectors.digits import DigitsDetector
from bdia_edm.detectors.dinov2 import dinov2_name, dinov2_network
from bdia_edm.detectors.inception import ScriptedFeatures, inception_network
from bdia_edm.engine.batch import to_uint8
from bdia_edm.metrics.reference import Reference, ReferenceStatistics, read_reference
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import PRECONDITIONINGS

__all__ = ["LoadedDenoiser", "fetch_files", "load_denoiser", "load_detector", "load_reference", "locate"]

_EMBEDDED = "embedded:"


class LoadedDenoiser(NamedTuple):
    """A denoiser on its device and what identifies its weights."""

    denoiser: Denoiser
    checksum: str


def fetch_files(files: Sequence[RemoteFile]) -> None:
    """Brings files from elsewhere into the cache.

    Raises:
        UserError: some cannot be had; a line for each says where it may be put by hand.
    """
    failures: list[str] = []
    for file in files:
        try:
            fetch(file.url, file.sha256)
        except UserError as error:
            failures.append(str(error))
    if failures:
        raise UserError("\n".join(failures))


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
    path = locate(card.path, card.sha256)
    network = load_weights(PRECONDITIONINGS, read_stored(path), path).to(device)
    return LoadedDenoiser(cast(Denoiser, network), file_sha256(path))


@lru_cache(maxsize=2)
def load_detector(card: DetectorCard, shape: tuple[int, int, int], device: torch.device) -> Detector | None:
    """The card's detector for images of ``shape`` (C, H, W); None for detector=none.

    Raises:
        UserError: the file is missing or is no such detector, or the detector does not take such images.
    """
    if card.name == "none":
        return None
    if card.name == "pixels":
        return PixelDetector(shape)
    if card.name == "digits" and shape != DigitsDetector.shape:
        raise UserError(f"detector=digits: takes images of shape {DigitsDetector.shape}, and these are {shape}")
    if shape[0] not in (1, 3):
        raise UserError(f"detector={card.name}: takes grey and RGB images, and these have {shape[0]} channels")
    path = locate(str(card.path), card.sha256, "detector")
    network = _detector_network(card, path, device)
    try:
        with torch.inference_mode():
            features = network(torch.zeros(2, *shape, dtype=torch.uint8, device=device))
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[-200:]
        raise UserError(
            f"{path}: does not work as detector={card.name} on images of shape {shape}: {reason}"
        ) from error
    found = tuple(features.shape)
    if len(found) != 2 or found[0] != 2 or not found[1] or not features.isfinite().all():
        raise UserError(
            f"{path}: does not work as detector={card.name}: of two images it must give two rows of finite features, "
            f"it gives {found}"
        )
    num_features = features.shape[1]
    name = dinov2_name(num_features) if card.name == "dinov2" else card.name
    return NetworkDetector(name, network, num_features, file_sha256(path), device)


def _detector_network(card: DetectorCard, path: Path, device: torch.device) -> nn.Module:
    name = card.name
    if name == "digits":
        return load_weights({"DigitsDetector": DigitsDetector}, read_network(path, "detector"), path).to(device)
    if name == "inception_nvidia":
        if card.sha256 is None:
            raise UserError(
                "detector.sha256: missing; a TorchScript file is a program, and only one whose checksum is given is run"
            )
        return ScriptedFeatures(read_torchscript(path, card.sha256, device))
    build = {"inception": inception_network, "dinov2": dinov2_network}[name]
    try:
        return build(read_state_dict(path)).eval().requires_grad_(False).to(device)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{path}: not the weights of detector={name}: {reason}") from error


@lru_cache(maxsize=2)
def load_reference(card: NetworkCard | MixtureCard, detector: Detector) -> Reference:
    """The data's statistics in the detector's features.

    Raises:
        UserError: the file is not fit for this detector.
    """
    assert card.reference is not None  # a config without one is refused
    if isinstance(card, MixtureCard) and card.reference == "exact":
        return _ExactReference(card, detector)
    sha256 = card.reference_sha256 if isinstance(card, NetworkCard) else None
    return read_reference(locate(card.reference, sha256, "model.reference"), detector.name, detector.num_features)


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


def locate(path: str, sha256: str | None = None, option: str = "model") -> Path:
    """The file of 'embedded:NAME', of a URL (fetched where it is not in the cache), or of a path.

    Args:
        sha256: the pinned checksum.
        option: what the file is, as in ``option.sha256``.

    Raises:
        UserError: the file cannot be had, or is not the one that is pinned.
    """
    if "://" in path:
        return fetch(path, sha256)
    found = PACKAGE / "assets" / path.removeprefix(_EMBEDDED) if path.startswith(_EMBEDDED) else Path(path)
    if sha256 is not None and found.is_file() and file_sha256(found) != sha256.lower():
        pin = "model.reference_sha256" if option == "model.reference" else f"{option}.sha256"
        raise UserError(
            f"{found}: its sha256 is {file_sha256(found)}, {pin} is {sha256}; give its own to take this file"
        )
    return found
