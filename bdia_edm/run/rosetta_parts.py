"""What measuring under every protocol needs, checked and loaded before the first image is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.checkpoints.locating import fetch_files, locate
from bdia_edm.config.detector_card import detector_card
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.device import choose_device
from bdia_edm.images.float_images import RANGES, FloatImages, holds_floats
from bdia_edm.images.image_source import ImageSource, open_images
from bdia_edm.metrics.reference import read_reference
from bdia_edm.run.comparing_protocols import Comparing
from bdia_edm.run.loading_detectors import load_detector
from bdia_edm.run.measured_images import drawn_indices
from bdia_edm.run.protocols import FEWER_IMAGES, NVIDIA, PROTOCOLS, Protocol

__all__ = ["Moments", "ReferenceFile", "RosettaParts", "numbers_of_images", "prepared_parts"]

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]
"""A mean (F,) and a covariance (F, F)."""


@dataclass(frozen=True)
class ReferenceFile:
    """A protocol's statistics as the user brought them; ``spatial``, sFID's, where the file has them, as ADM's do."""

    moments: Moments
    spatial: Moments | None
    checksum: str


@dataclass(frozen=True)
class RosettaParts:
    """What is measured, and with what.

    Attributes:
        images, data: the images and the data's.
        blocks: groups of rows, in each how many images a protocol takes.
        detectors: by their names; NVIDIA's is missing where its file cannot be had.
        without_nvidia: why it is.
        files: the statistics that the user brought, by protocol.
    """

    images: ImageSource | FloatImages
    data: ImageSource
    blocks: list[dict[str, int]]
    device: torch.device
    detectors: dict[str, Detector]
    without_nvidia: str
    files: dict[str, ReferenceFile]


@contextmanager
def prepared_parts(images: str, data: str, references: Mapping[str, str], options: Comparing) -> Iterator[RosettaParts]:
    """The parts, everything of them checked and loaded, for as long as the images are open."""
    with closing(_open(images, options)) as source, closing(_open_data(data, options)) as real:
        _check_channels(f"{named('images')}={images}", source.shape[0], f"{named('ref')}={data}", real.shape[0])
        blocks = numbers_of_images(len(source), options, f"{named('images')}={images}")
        if len(real) < 2:
            raise UserError(f"{named('ref')}={data}: holds one image, which has no statistics; two are the least")
        device = choose_device(options.device)
        if not isinstance(source, FloatImages):
            most = max(num for block in blocks for num in block.values())
            source.check(drawn_indices(len(source), most, options.seed))
        real.check(range(len(real)))
        detectors, without_nvidia = _load(options, source.shape, device)
        files = {name: _read(name, file, detectors, without_nvidia) for name, file in references.items()}
        yield RosettaParts(source, real, blocks, device, detectors, without_nvidia, files)


def _open(images: str, options: Comparing) -> ImageSource | FloatImages:
    path, given = Path(images), f"{named('images')}={images}"
    if not holds_floats(path):
        if options.float_range is not None:
            raise UserError(f"{named('float_range')}={options.float_range}: is for floats, and {given} are 8-bit")
        return open_images(path, named("images"), options.say)
    if options.float_range is None:
        choices = " or ".join(RANGES)
        raise UserError(f"{named('float_range')}: missing; {given} holds floats; from black to white: {choices}")
    return FloatImages(path)


def _open_data(data: str, options: Comparing) -> ImageSource:
    path = Path(data)
    if _holds_statistics_alone(path):
        names = ", ".join(protocol.name for protocol in PROTOCOLS)
        raise UserError(
            f"{named('ref')}={data}: holds statistics and no images; each protocol needs its own of the data, made of "
            f"its images (a folder, a zip or an npz): give these, and this file, if at all, as NAME={data}, NAME the "
            f"one of {names} that it is for"
        )
    return open_images(path, named("ref"), options.say)


def _holds_statistics_alone(path: Path) -> bool:
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with open_plain_zip(path) as file:
            names = file.namelist()
    except Exception:  # who opens the images says what is wrong with it
        return False
    return "mu.npy" in names and "arr_0.npy" not in names


def _check_channels(given: str, channels: int, given_data: str, channels_of_data: int) -> None:
    if channels != channels_of_data:
        words = {1: "grey", 3: "RGB"}
        raise UserError(
            f"{given}: are {words[channels]}, and {given_data} are {words[channels_of_data]}; must be of one kind"
        )


def numbers_of_images(found: int, options: Comparing, given: str) -> list[dict[str, int]]:
    """The blocks of rows: in each, how many images every protocol takes.

    Args:
        found: how many there are.
        given: what the user gave them by, for the messages.

    Raises:
        UserError: there are fewer than are asked for, or than two.
    """
    if found < 2:
        raise UserError(f"{given}: holds one image, which has no statistics; two are the least")
    for num in options.num:
        if num > found:
            raise UserError(f"{named('num')}={num}: {given} holds {found} images; take {found} or fewer")
    nums = options.num
    blocks: list[dict[str, int]] = []
    if not nums:
        blocks = [{protocol.name: min(found, protocol.most or found) for protocol in PROTOCOLS}]
        nums = (FEWER_IMAGES,) if found > FEWER_IMAGES else ()
    return blocks + [{protocol.name: num for protocol in PROTOCOLS} for num in nums]


def _load(options: Comparing, shape: tuple[int, int, int], device: torch.device) -> tuple[dict[str, Detector], str]:
    """The detectors, in the protocols' order, and why NVIDIA's is not among them."""
    detectors: dict[str, Detector] = {}
    without_nvidia = ""
    for protocol in PROTOCOLS:
        for name in filter(None, (protocol.detector, protocol.spatial)):
            if name in detectors:
                continue
            own = (options.nvidia, options.nvidia_sha256) if name == NVIDIA else (options.weights, None)
            card = detector_card(name, *own)
            if name == NVIDIA and options.nvidia is None:
                try:
                    fetch_files(card.remote_files)
                except UserError as error:
                    without_nvidia = f"NVIDIA's file is not here: {one_line(error, 600)}"
                    continue
            found = load_detector(card, shape, device)
            assert found is not None  # 'none' is no protocol's
            detectors[name] = found
    _check_lengths(detectors)
    return detectors, without_nvidia


def _check_lengths(detectors: Mapping[str, Detector]) -> None:
    nvidia = detectors.get(NVIDIA)
    for protocol in PROTOCOLS:
        other = detectors.get(protocol.detector)
        if nvidia is not None and other is not None and nvidia.num_features != other.num_features:
            raise UserError(
                f"{named('nvidia')}: gives {nvidia.num_features} features, and {other.name} {other.num_features}; "
                "must be the same network"
            )


def _read(name: str, file: str, detectors: Mapping[str, Detector], without_nvidia: str) -> ReferenceFile:
    (protocol,) = (each for each in PROTOCOLS if each.name == name)
    option = f"{named('ref')}={name}"
    detector = detectors.get(protocol.detector)
    if detector is None:
        raise UserError(f"{option}={file}: {without_nvidia}")
    path = locate(file)
    found = read_reference(path, detector.name, detector.num_features, option)
    spatial = _read_spatial(path, protocol, detectors, option)
    return ReferenceFile((found.mean, found.covariance), spatial, found.checksum)


def _read_spatial(path: Path, protocol: Protocol, detectors: Mapping[str, Detector], option: str) -> Moments | None:
    if not protocol.spatial:
        return None
    with open_plain_zip(path) as file:
        if "mu_s.npy" not in file.namelist():
            return None
    detector = detectors[protocol.spatial]
    # The file is not of this detector's features alone, so that one it names is not asked for.
    found = read_reference(path, detector.name, detector.num_features, option, ("mu_s", "sigma_s"))
    return found.mean, found.covariance
