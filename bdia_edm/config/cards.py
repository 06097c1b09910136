"""The cards and options that a run is made of, as conf/ and the command line give them, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import read_options, require
from bdia_edm.engine.plan import format_seeds, parse_seeds
from bdia_edm.samplers.registry import Sampler, make_sampler

__all__ = [
    "DETECTORS",
    "DetectorCard",
    "MixtureCard",
    "NetworkCard",
    "RemoteFile",
    "RunConfig",
    "conf_folder",
    "detector_card",
    "model_list",
    "read_config",
]

PACKAGE = Path(__file__).resolve().parents[1]

DETECTORS = ("digits", "inception", "inception_nvidia", "dinov2", "pixels", "none")


def conf_folder() -> Path:
    """conf/: inside the package where a wheel installed it, beside the package in a checkout."""
    installed = PACKAGE / "conf"
    return installed if installed.is_dir() else PACKAGE.parent / "conf"


def model_list() -> dict[str, str]:
    """The name and description of every model card."""
    cards = {path.stem: DictConfig(OmegaConf.load(path)) for path in sorted((conf_folder() / "model").glob("*.yaml"))}
    return {name: str(card.get("description", "")) for name, card in cards.items()}


class RemoteFile(NamedTuple):
    """A file of a card that lies at a URL."""

    url: str
    sha256: str | None


@dataclass(frozen=True)
class NetworkCard:
    """A network in a file.

    Attributes:
        path: a safetensors file or an EDM pickle (.pkl), as a path, a URL, or 'embedded:NAME' for one that the
            package holds.
        sha256: the pinned checksum of that file; None: any file is taken, and one from a URL is held to the checksum
            recorded when it first came.
        reference, reference_sha256: npz of the data's statistics, likewise; None where there is none.
    """

    name: str
    path: str
    sha256: str | None = None
    reference: str | None = None
    reference_sha256: str | None = None

    def __post_init__(self) -> None:
        _check_sha256("model.sha256", self.sha256)
        _check_sha256("model.reference_sha256", self.reference_sha256)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """Those of its files that must be fetched."""
        return _remote((self.path, self.sha256), (self.reference, self.reference_sha256))


@dataclass(frozen=True)
class MixtureCard:
    """A Gaussian mixture.

    Attributes:
        img_resolution, img_channels, components, seed: see GaussianMixture.
        reference: 'exact' takes the statistics of ``reference_samples`` exact samples; else an npz file or None.
    """

    name: str
    img_resolution: int
    img_channels: int
    components: int
    seed: int
    reference: str | None = "exact"
    reference_samples: int = 50_000

    def __post_init__(self) -> None:
        for option in ("img_resolution", "img_channels", "components"):
            require(getattr(self, option) >= 1, f"model.{option}", getattr(self, option), "at least 1")
        require(0 <= self.seed < 2**63, "model.seed", self.seed, "from 0 to 2**63 - 1")
        require(self.reference_samples >= 2, "model.reference_samples", self.reference_samples, "at least 2")

    @property
    def remote_files(self) -> list[RemoteFile]:
        """Those of its files that must be fetched."""
        return _remote((self.reference, None))


_KINDS: dict[str, type[NetworkCard] | type[MixtureCard]] = {"network": NetworkCard, "gaussian_mixture": MixtureCard}


@dataclass(frozen=True)
class DetectorCard:
    """Which detector.

    Attributes:
        name: one of DETECTORS.
        path, sha256: its weights, as a network card's; nothing for pixels and none.
    """

    name: str
    path: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        require(self.name in DETECTORS, "detector", self.name, f"one of {', '.join(DETECTORS)}")
        if self.name in ("pixels", "none"):
            require(self.path is None, "detector.path", self.path, f"left out: {self.name} has no weights")
        else:
            require(self.path is not None, "detector.path", self.path, "a path or a URL")
        _check_sha256("detector.sha256", self.sha256)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """Its weights, where they must be fetched."""
        return _remote((self.path, self.sha256))


def detector_card(name: str, path: str | None = None, sha256: str | None = None) -> DetectorCard:
    """The card of conf/detector, or, with ``path``, one for that file (with that checksum) of the same kind.

    Raises:
        UserError: the name is unknown, or it is no detector with weights.
    """
    require(name in DETECTORS, "detector", name, f"one of {', '.join(DETECTORS)}")
    if path is not None:
        return DetectorCard(name, path, sha256)
    values = OmegaConf.to_container(OmegaConf.load(conf_folder() / "detector" / f"{name}.yaml"))
    assert isinstance(values, dict)
    return read_options(DetectorCard, {str(key): value for key, value in values.items()}, "detector")


@dataclass(frozen=True, kw_only=True)
class _Options:
    """The options of a run beside model, sampler, detector and seeds."""

    class_idx: int | None
    batch_size: int
    block_size: int
    device: str
    workers: int | str
    results_dir: str
    save_images: str
    keep_features: bool

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        require(self.block_size >= 1, "block_size", self.block_size, "at least 1")
        counted = isinstance(self.workers, int) and self.workers >= 1
        require(self.workers == "auto" or counted, "workers", self.workers, "auto or a number from 1")
        require(self.save_images in ("none", "npz", "png"), "save_images", self.save_images, "one of none, npz, png")


@dataclass(frozen=True, kw_only=True)
class RunConfig(_Options):
    """Everything that the user chose.

    Attributes:
        source: the config as plain values, for the record.
    """

    model: NetworkCard | MixtureCard
    sampler: Sampler
    detector: DetectorCard
    seeds: tuple[int, ...]
    source: dict[str, Any] = field(compare=False, repr=False)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """The files that must be fetched; without a detector no reference statistics are among them."""
        reference = self.model.reference if self.detector.name == "none" else None
        return [file for file in self.model.remote_files if file.url != reference] + self.detector.remote_files


def read_config(values: Mapping[str, Any]) -> RunConfig:
    """Checks a config, every option of it.

    Raises:
        UserError: at the first that is unknown, missing or out of range.
    """
    rest = dict(values)
    source = dict(values)
    model = _section(rest, "model")
    kind = model.pop("kind", None)
    # For people and for other options' defaults; the run itself does not need them.
    for note in ("description", "published", "settings"):
        model.pop(note, None)
    require(kind in _KINDS, "model.kind", kind, f"one of {', '.join(_KINDS)}")
    card = read_options(_KINDS[str(kind)], model, "model")
    options = _section(rest, "sampler")
    sampler = make_sampler(str(options.pop("name", None)), options)
    detector = read_options(DetectorCard, _section(rest, "detector"), "detector")
    seeds = parse_seeds(rest.pop("seeds", ""))
    if detector.name != "none" and len(seeds) < 2:
        raise UserError(
            f"seeds={format_seeds(seeds)}: one image has no statistics; take two seeds or more, or detector=none"
        )
    if detector.name != "none" and card.reference is None:
        raise UserError(
            "model.reference: missing; distances need the data's statistics (an npz with mu and sigma, as "
            "python -m bdia_edm.fid ref makes it), and detector=none measures none"
        )
    checked = read_options(_Options, rest, "")
    plain = {name: getattr(checked, name) for name in rest}
    return RunConfig(model=card, sampler=sampler, detector=detector, seeds=tuple(seeds), source=source, **plain)


def _remote(*files: tuple[str | None, str | None]) -> list[RemoteFile]:
    return [RemoteFile(path, sha256) for path, sha256 in files if path is not None and "://" in path]


def _check_sha256(option: str, value: str | None) -> None:
    require(value is None or re.fullmatch("[0-9a-fA-F]{64}", value) is not None, option, value, "64 hexadecimal digits")


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    section = values.pop(name, None)
    if not isinstance(section, Mapping):
        raise UserError(f"{name}: missing; choose one with {name}=NAME")
    return dict(section)
