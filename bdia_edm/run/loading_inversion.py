"""From a checked config to a run of inversion or of editing: its denoiser, and its images with their classes.

What is wrong is found here, before the first image is inverted; so every image is read once, for the checksum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.locating import fetch_files, locate
from bdia_edm.config.common_config import require_blocks
from bdia_edm.config.editing_config import EditingConfig
from bdia_edm.config.inversion_config import REFERENCE, InversionConfig
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.images.image_source import ImageSource, open_images
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.run.arithmetic import as_configured
from bdia_edm.run.batch_size import with_batch_size
from bdia_edm.run.loading import check_class, check_workers, load_denoiser, place_of, require_writable
from bdia_edm.run.loading_detectors import load_detector, load_reference
from bdia_edm.run.own_parts import own_sources
from bdia_edm.run.run import EditingRun, InversionRun, ModelRun
from bdia_edm.samplers.denoising import BatchDenoiser

__all__ = ["prepare_editing", "prepare_inversion"]

T = TypeVar("T", bound=ModelRun)

_AT_ONCE = 1000


def prepare_inversion(config: InversionConfig, command: str) -> InversionRun:
    """Reads the network and the images, and checks them against each other and the config.

    Args:
        command: what the user typed, for the record.

    Raises:
        UserError: anything is wrong.
    """
    run = InversionRun(config=config, command=command, **_loaded(config))
    return _checked(run)


def prepare_editing(config: EditingConfig, command: str) -> EditingRun:
    """As ``prepare_inversion``; the detector and, where the card has one, the reference beside.

    Raises:
        UserError: anything is wrong.
    """
    loaded = _loaded(config)
    denoiser, labels, checksums = loaded["denoiser"], loaded["labels"], loaded["checksums"]
    if denoiser.label_dim < 2:
        raise UserError(f"{config.model.name}: this network has no classes to edit images to")
    if isinstance(config.edit.class_idx, int):
        check_class(config.edit.class_idx, denoiser.label_dim, "edit.class_idx")
        new_labels = np.full_like(labels, config.edit.class_idx)
    else:
        new_labels = (labels + 1) % denoiser.label_dim
    detector = load_detector(config.detector, loaded["images"].shape, loaded["device"])
    reference = None
    if detector is not None:
        checksums["detector"] = detector.checksum
        if config.model.reference is not None:
            reference = load_reference(config.model, detector)
            checksums["reference"] = reference.checksum
    parts = {"detector": type(detector), "detector's network": type(getattr(detector, "network", None))}
    if detector is not None:
        parts["kind of detector"] = DETECTORS[config.detector.name]
    checksums |= own_sources(parts)
    run = EditingRun(
        config=config, command=command, new_labels=new_labels, detector=detector, reference=reference, **loaded
    )
    return _checked(run)


def _checked(run: T) -> T:
    check_workers(run)
    require_writable(Path(run.config.results_dir))
    return with_batch_size(run)


def _loaded(config: InversionConfig) -> dict[str, Any]:
    """What every such run has beside its config and command."""
    device, device_type = place_of(config)
    source = _open(config)
    indices = config.chosen(len(source))
    require_blocks(len(indices), config.block_size, "images")
    fetch_files(config.remote_files)
    loaded, checksum = load_denoiser(config.model, device)
    key = (config.model, checksum)
    denoiser, precision = as_configured(loaded, config, device, device_type, len(indices), key)
    _check_shape(config, source, denoiser)
    labels = _labels(config, source, indices, denoiser.label_dim)
    config.sampler.check_range(BatchDenoiser(denoiser))
    source.check(indices)
    parts: dict[str, type] = {"model": type(config.model), "sampler": type(config.sampler), "denoiser": type(loaded)}
    return {
        "denoiser": denoiser,
        "images": source,
        "indices": indices,
        "labels": labels,
        "device": device,
        "device_type": device_type,
        "precision": precision,
        "checksums": {"model": checksum, "images": _checksum(source, indices, labels), **own_sources(parts)},
    }


def _open(config: InversionConfig) -> ImageSource:
    if config.images != REFERENCE:
        return open_images(Path(config.images), named("images"))
    if config.model.images is None:
        raise UserError(
            f"{named('images')}={REFERENCE}: the card of {config.model.name} names no images of its data "
            "(model.images); give a folder, a zip or an npz of images"
        )
    return open_images(locate(config.model.images, None, "model.images"), named("model.images"))


def _check_shape(config: InversionConfig, source: ImageSource, denoiser: Denoiser) -> None:
    wanted = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
    if source.shape != wanted:
        channels, height, width = source.shape
        raise UserError(
            f"{named('images')}={config.images}: {channels} x {height} x {width} (channels, height, width), and "
            f"{config.model.name} takes {' x '.join(map(str, wanted))}; resize them first"
        )


def _labels(config: InversionConfig, source: ImageSource, indices: Sequence[int], label_dim: int) -> NDArray[np.int64]:
    """The class of each image; -1 for an unconditional network."""
    if config.class_idx is not None:
        check_class(config.class_idx, label_dim)
        return np.full(len(indices), config.class_idx, np.int64)
    if not label_dim:
        return np.full(len(indices), -1, np.int64)
    given = f"{named('images')}={config.images}"
    known = source.read_labels()
    if known is None:
        raise UserError(
            f"{given}: no classes in it (labels of an npz, dataset.json beside images), and {config.model.name} has "
            f"{label_dim}; give class_idx, one for all images"
        )
    labels = known[np.fromiter(indices, np.int64, len(indices))]
    if ((labels < 0) | (labels >= label_dim)).any():
        bad = labels[(labels < 0) | (labels >= label_dim)][0]
        raise UserError(f"{given}: the class {bad} in it: must be from 0 to {label_dim - 1}, the network's classes")
    return labels


def _checksum(source: ImageSource, indices: Sequence[int], labels: NDArray[np.int64]) -> str:
    """SHA-256 of the images' shape, pixels and classes."""
    digest = hashlib.sha256(repr(source.shape).encode())
    for first in range(0, len(indices), _AT_ONCE):
        digest.update(source.read(indices[first : first + _AT_ONCE]).data)
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
