"""The kinds of detectors by name: what each needs, and how it is loaded.

A module of this package makes its kind known with ``@DETECTORS.add("name")``; conf/detector/NAME.yaml says which file
it takes where the user gives none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bdia_edm.base.errors import UserError
from bdia_edm.base.late_torch import torch
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.base.registry import Registry
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.detectors.detector import Detector, NetworkDetector

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DETECTORS", "DetectorKind", "NetworkKind", "detector_option"]

Shape = tuple[int, int, int]


class DetectorKind(ABC):
    """A kind of detector.

    Attributes:
        name: what the user types for it.
        takes_file: whether it has weights, in a file.
        needs_sha256: whether that file's checksum must be given, because it is a program (TorchScript).
    """

    name: ClassVar[str]
    takes_file: ClassVar[bool] = False
    needs_sha256: ClassVar[bool] = False

    @classmethod
    def check_shape(cls, shape: Shape) -> None:
        """Raises UserError where it does not take images of ``shape`` (C, H, W); by default it takes any."""
        return

    @classmethod
    def made(cls, detector: str) -> bool:
        """Whether the detector of this name is one of this kind, as a reference of its features says it."""
        return detector == cls.name

    @classmethod
    @abstractmethod
    def load(cls, path: Path | None, sha256: str | None, shape: Shape, device: torch.device) -> Detector:
        """The detector for images of ``shape`` (C, H, W) on ``device``.

        Args:
            path: its file, where the kind takes one.
            sha256: the checksum that the user gave for it.

        Raises:
            UserError: the file is not fit.
        """


class NetworkKind(DetectorKind):
    """A kind that is a network from a file; it is shown two black images before it is believed.

    Attributes:
        distance: what the Fréchet distance of its features is called; '' where it has no name of its own.
    """

    takes_file = True
    distance: ClassVar[str] = ""

    @classmethod
    def check_shape(cls, shape: Shape) -> None:
        if shape[0] not in (1, 3):
            given = f"{named('detector')}={cls.name}"
            raise UserError(f"{given}: takes grey and RGB images, and these have {shape[0]} channels")

    @classmethod
    @abstractmethod
    def network(cls, path: Path, sha256: str | None, device: torch.device) -> nn.Module:
        """The network on ``device``, without gradients, in evaluation mode: uint8 images to features.

        Raises:
            UserError: the file is not fit.
        """

    @classmethod
    def detector_name(cls, num_features: int) -> str:
        """The name of the detector that gives so many features."""
        return cls.name

    @classmethod
    def load(cls, path: Path | None, sha256: str | None, shape: Shape, device: torch.device) -> Detector:
        assert path is not None  # it takes a file, and a card without one is refused
        network = cls.network(path, sha256, device)
        works = f"{path}: does not work as {named('detector')}={cls.name}"
        try:
            with torch.inference_mode():
                features = network(torch.zeros(2, *shape, dtype=torch.uint8, device=device))
        except (RuntimeError, TypeError) as error:
            # The reason is at the end of what TorchScript says.
            reason = one_line(error, 200, keep_end=True)
            raise UserError(f"{works} on images of shape {shape}: {reason}") from error
        found = tuple(features.shape)
        if len(found) != 2 or found[0] != 2 or not found[1] or not features.isfinite().all():
            raise UserError(f"{works}: of two images it must give two rows of finite features, it gives {found}")
        num_logits = getattr(network, "num_logits", 0)
        name, checksum = cls.detector_name(found[1]), file_sha256(path)
        return NetworkDetector(name, network, found[1], checksum, device, num_logits, cls.distance)


def _fits(name: str, member: object) -> bool:
    return isinstance(member, type) and issubclass(member, DetectorKind) and getattr(member, "name", None) == name


DETECTORS: Registry[type[DetectorKind]] = Registry(
    "detector", "bdia_edm.detectors", _fits, "a class derived from DetectorKind, with this name as its attribute 'name'"
)


def detector_option(detector: str) -> str | None:
    """What the user types for a detector of this name ('dinov2' for all its sizes); None where no kind makes it."""
    return next((name for name in DETECTORS.names() if DETECTORS[name].made(detector)), None)
