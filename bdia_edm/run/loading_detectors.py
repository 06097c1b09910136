"""Detectors and the data's statistics in their features, from the cards that name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.locating import locate, remote_files
from bdia_edm.config.detector_card import NONE, DetectorCard
from bdia_edm.config.model_card import ModelCard
from bdia_edm.config.run_config import RunConfig
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.loading import load as load_kind
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.metrics.metric import REFERENCE_FEATURES, Metric
from bdia_edm.metrics.reference import Reference, reference_detector
from bdia_edm.run.encoders import Encoder
from bdia_edm.run.loaded_once import loaded_once

__all__ = ["check_reference_detectors", "load_detector", "load_encoders", "load_reference"]


def load_detector(card: DetectorCard, shape: tuple[int, int, int], device: torch.device) -> Detector | None:
    """The card's detector for images of ``shape`` (C, H, W); None for detector=none.

    Raises:
        UserError: the file is missing or is no such detector, or the detector does not take such images.
    """
    if card.name == NONE:
        return None
    # Before anything is fetched.
    DETECTORS[card.name].check_shape(shape)
    path = None if card.path is None else locate(card.path, card.sha256, "detector")
    key = ("detector", card, _file_checksum(path), shape, device)
    return loaded_once(key, lambda: load_kind(card.name, path, card.sha256, shape, device))


def load_reference(card: ModelCard, detector: Detector, features: bool = False, file: str | None = None) -> Reference:
    """The data's statistics in the detector's features.

    Args:
        features: whether features of single images come with them, where there are any.
        file: instead of the card's ``reference``, one of its ``references``.

    Raises:
        UserError: a file is missing or not fit for this detector.
    """
    beside = _file_checksum(card.reference_features_file()) if features and file is None else features
    path = card.reference_file() if file is None else locate(file, None, "model.references")
    key = ("reference", card, file, _file_checksum(path), detector.name, detector.checksum, beside)
    return loaded_once(key, lambda: card.load_reference(detector, features, file))


def load_encoders(
    config: RunConfig,
    own: Detector | None,
    metrics: Sequence[Metric],
    shape: tuple[int, int, int],
    device: torch.device,
) -> tuple[Encoder, ...]:
    """The detectors for images of ``shape`` (C, H, W), each with its reference; of ``own`` alone, where it is one."""
    features = any(REFERENCE_FEATURES in metric.needs for metric in metrics)
    if own is not None:
        return (Encoder(own, load_reference(config.model, own, features)),)
    found: list[Encoder] = []
    for card in config.detectors:
        detector = load_detector(card, shape, device)
        assert detector is not None  # none is no card of these
        file = config.model.reference_of(card.name, is_first=not found)
        same = file == config.model.reference
        found.append(Encoder(detector, load_reference(config.model, detector, features, None if same else file)))
    return tuple(found)


def check_reference_detectors(config: RunConfig) -> None:
    """Before anything is fetched: a reference that is at hand says itself whose features it is of.

    Raises:
        UserError: it is another detector's.
    """
    model = config.model
    for card in config.detectors:
        given = model.reference_of(card.name, card is config.detector)
        if given is None or remote_files(given):
            continue
        option = "model.reference" if given == model.reference else f"model.references.{card.name}"
        path = model.reference_file() if given == model.reference else locate(given, None, option)
        made = None if path is None else reference_detector(path, option)
        if made is not None and not DETECTORS[card.name].made(made):
            known = detector_option(made)
            others = ", ".join(DETECTORS.names())
            advice = f"take detector={known}" if known else f"none of detector={others} is that one"
            raise UserError(f"{option}={given}: made with the detector {made}, and this run's is {card.name}; {advice}")


def _file_checksum(path: Path | None) -> str:
    # What is wrong with a file that is not there says who reads it.
    return file_sha256(path) if path is not None and path.is_file() else ""
