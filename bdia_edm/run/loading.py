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

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.description import read_stored
from bdia_edm.checkpoints.downloads import fetch, file_sha256
from bdia_edm.checkpoints.safetensors_file import load_weights
from bdia_edm.config.cards import PACKAGE, DetectorCard, MixtureCard, NetworkCard, RemoteFile
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.loading import load
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.engine.block_sampler import to_uint8
from bdia_edm.metrics.reference import Reference, ReferenceStatistics, read_reference
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import PRECONDITIONINGS, Denoiser

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


def load_detector(card: DetectorCard, shape: tuple[int, int, int], device: torch.device) -> Detector | None:
    """The card's detector for images of ``shape`` (C, H, W); None for detector=none.

    Raises:
        UserError: the file is missing or is no such detector, or the detector does not take such images.
    """
    if card.name == "none":
        return None
    # Before its file is fetched.
    DETECTORS[card.name].check_shape(shape)
    path = locate(card.path, card.sha256, "detector") if card.path is not None else None
    return load(card.name, path, card.sha256, shape, device)


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
        pin = named("model.reference_sha256" if option == "model.reference" else f"{option}.sha256")
        raise UserError(
            f"{found}: its sha256 is {file_sha256(found)}, {pin} is {sha256}; give its own to take this file"
        )
    return found
