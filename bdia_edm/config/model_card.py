"""Cards of models: what conf/model and the command line say of a denoiser, and how it is had.

A kind of model is one module: a dataclass of its options, registered under the name that a card gives as ``kind``,
which loads the denoiser. Those of this program are in ``model_kinds``; a module that the user names (the option
``modules``) may bring others.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import check_ranges, option, require
from bdia_edm.base.registry import Registry
from bdia_edm.checkpoints.locating import RemoteFile, locate, remote_files
from bdia_edm.checkpoints.transfer import MOST_BYTES
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.metrics.reference import Reference, read_reference, reference_detector, with_features

if TYPE_CHECKING:
    import torch

    from bdia_edm.detectors.detector import Detector
    from bdia_edm.models.denoiser import Denoiser

__all__ = ["MODEL_KINDS", "ModelCard", "check_sha256", "most_bytes"]

_LONGEST_NAME = 100
_NAMES = f"1 to {_LONGEST_NAME} printable characters without '/', '\\' and '..'"


def most_bytes(of: str) -> Any:
    """The option of a card that bounds a file's download, where its size is known better than of any file."""
    return option(
        None,
        words=f"size that no download of {of} may exceed; null is {MOST_BYTES >> 30} GiB",
        unit="bytes",
        low=1,
        high=1 << 50,
        harmless="it only refuses another file",
    )


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What all kinds have; a subclass is a kind."""

    kind: ClassVar[str]
    name: str = option(words="what the model is called in folders and tables")
    reference: str | None = option(
        None,
        words="npz with the data's statistics mu and sigma: a path, a URL or embedded:NAME; null with detector=none",
        harmless="its checksum is in the identity",
    )
    reference_sha256: str | None = option(
        None, words="pinned checksum of the reference", harmless="it only refuses another file"
    )
    reference_features: str | None = option(
        None,
        words="npz with features of the data, as fid ref --features makes it: for metrics that need them, where the "
        "reference keeps none",
        harmless="its checksum is in the identity of runs whose metrics need it",
    )
    references: tuple[tuple[str, str], ...] = option(
        (),
        words="npz files with the data's statistics in the features of other detectors, and with features of the data "
        "where metrics need them, by the detectors' names: {pixels: FILE.npz}",
        harmless="their checksums are in the identity",
    )
    images: str | None = option(
        None,
        words="the data's own images, for images=reference of invert: a path, a URL or embedded:NAME",
        harmless="their checksum is in an inversion's identity",
    )
    reference_most_bytes: int | None = most_bytes("the reference")

    def __post_init__(self) -> None:
        check_ranges(self, "model")
        # It begins the name of every run's folder in results_dir.
        fit = self.name.isprintable() and not set(self.name) & set("/\\") and ".." not in self.name
        require(fit and 0 < len(self.name) <= _LONGEST_NAME, "model.name", self.name, _NAMES)
        check_sha256("model.reference_sha256", self.reference_sha256)
        for name, _ in self.references:
            known = f"by the names of detectors: {', '.join(DETECTORS.names())}"
            require(name in DETECTORS.names(), "model.references", f"{{{name}: ...}}", known)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """Those of its files that must be fetched, the references last."""
        others = [file for _, path in self.references for file in remote_files(path)]
        return [*others, *remote_files(self.reference, self.reference_sha256, self.reference_most_bytes)]

    @abstractmethod
    def checksum(self) -> str:
        """What identifies the weights: another file under the same name has another one.

        Raises:
            UserError: there is no such file.
        """

    @abstractmethod
    def load(self, device: torch.device) -> Denoiser:
        """The denoiser on ``device``, in evaluation mode.

        Raises:
            UserError: the file is missing or is no network.
        """

    def reference_file(self) -> Path | None:
        """Where the reference lies; None where it is in no file."""
        if self.reference is None:
            return None
        return locate(self.reference, self.reference_sha256, "model.reference")

    def reference_of(self, detector: str, is_first: bool = True) -> str | None:
        """Which of the card's references is of this detector; None where it has none.

        What ``reference`` says itself decides, where it is at hand and says it; else ``references`` do.

        Args:
            detector: its name, as the user types it.
            is_first: whether it is the run's only or first one, which ``reference`` is meant for where nothing says it.

        Raises:
            UserError: it cannot be told, or a file is missing or unreadable.
        """
        main, other = self.reference, dict(self.references).get(detector)
        file = None if main is None or remote_files(main) else self.reference_file()
        made = None if file is None else reference_detector(file)
        if main is None or (made is not None and other is not None and not DETECTORS[detector].made(made)):
            return other
        if file is None and not remote_files(main) and other is None:
            return main  # computed, in the features of any
        if made is None and is_first and other is not None and file is not None:
            raise UserError(
                f"model.reference={main}: does not say whose features it is of, and model.references has another one "
                f"for detector={detector}; take model.reference=null, or leave {detector} out of model.references"
            )
        if made is None and not is_first and other is None:
            raise UserError(
                f"model.references: none for detector={detector}; +model.references={{{detector}: FILE.npz}} gives the "
                "data's statistics in its features, as python -m bdia_edm.fid ref makes them"
            )
        return main if made is not None or other is None else other

    def reference_features_file(self) -> Path | None:
        """Where features of the data lie beside the reference; None where they are in no file of their own."""
        if self.reference_features is None:
            return None
        return locate(self.reference_features, None, "model.reference_features")

    def load_reference(self, detector: Detector, features: bool = False, file: str | None = None) -> Reference:
        """The data's statistics in the detector's features.

        Args:
            features: whether features of single images come with them, where there are any.
            file: instead of ``reference``, one of ``references``.

        Raises:
            UserError: a file is not fit for this detector.
        """
        path = self.reference_file() if file is None else locate(file, None, "model.references")
        assert path is not None  # a config without a reference is refused
        beside = self.reference_features_file() if file is None else None
        reference = read_reference(path, detector.name, detector.num_features)
        return with_features(reference, path, beside, detector.name) if features else reference


def check_sha256(name: str, value: str | None) -> None:
    """Raises UserError unless ``value`` is a checksum or None."""
    require(value is None or re.fullmatch("[0-9a-fA-F]{64}", value) is not None, name, value, "64 hexadecimal digits")


def _fits(name: str, member: object) -> bool:
    return isinstance(member, type) and issubclass(member, ModelCard) and getattr(member, "kind", None) == name


MODEL_KINDS: Registry[type[ModelCard]] = Registry(
    "model.kind",
    "bdia_edm.config.model_kinds",
    _fits,
    "a dataclass derived from ModelCard, with this name as its attribute 'kind'",
)
