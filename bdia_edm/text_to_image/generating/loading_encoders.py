"""Detectors and the data's statistics that the user brings for them, each held to the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.locating import locate
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.config.generation_config import GenerationConfig
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.metrics.metric import REFERENCE_FEATURES, Metric
from bdia_edm.metrics.reference import read_reference, reference_detector, with_features
from bdia_edm.run.encoders import Encoder
from bdia_edm.run.loading_detectors import load_detector

__all__ = ["load_encoders"]


def load_encoders(
    config: GenerationConfig, metrics: Sequence[Metric], shape: tuple[int, int, int], device: torch.device
) -> tuple[Encoder, ...]:
    """The config's detectors for pictures of ``shape`` (C, H, W), each with its reference.

    Raises:
        UserError: a file is missing, or not fit for its detector.
    """
    references = [_reference_of(config, card) for card in config.detectors]
    needs_features = any(REFERENCE_FEATURES in metric.needs for metric in metrics)
    beside = None if config.reference_features is None else locate(config.reference_features)
    found: list[Encoder] = []
    for card, (option, path) in zip(config.detectors, references, strict=True):
        detector = load_detector(card, shape, device)
        assert detector is not None  # none is no card of these
        reference = read_reference(path, detector.name, detector.num_features, option)
        if needs_features:
            first = beside if card is config.detectors[0] else None
            reference = with_features(reference, path, first, detector.name, option, "reference_features")
        found.append(Encoder(detector, reference))
    return tuple(found)


def _reference_of(config: GenerationConfig, card: DetectorCard) -> tuple[str, Path]:
    """The option and the file, which says itself whose features it is of, if any: before a detector is read."""
    given = config.reference_of(card)
    assert given is not None  # a config without one is refused
    option, path = given[0], locate(given[1])
    made = reference_detector(path, option)
    if made is not None and not DETECTORS[card.name].made(made):
        known = detector_option(made)
        advice = f"take detector={known}" if known else f"none of detector={', '.join(DETECTORS.names())} is that one"
        raise UserError(f"{option}={given[1]}: made with the detector {made}, and this run's is {card.name}; {advice}")
    return option, path
