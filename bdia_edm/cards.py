"""The cards and options that a run is made of, as conf/ and the command line give them, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from bdia_edm.engine.plan import format_seeds, parse_seeds
from bdia_edm.errors import UserError
from bdia_edm.options import read_options, require
from bdia_edm.samplers.registry import Sampler, make_sampler

__all__ = ["DetectorCard", "MixtureCard", "NetworkCard", "RunConfig", "conf_folder", "model_list", "read_config"]

PACKAGE = Path(__file__).resolve().parent


def conf_folder() -> Path:
    """conf/: inside the package where a wheel installed it, beside the package in a checkout."""
    installed = PACKAGE / "conf"
    return installed if installed.is_dir() else PACKAGE.parent / "conf"


def model_list() -> dict[str, str]:
    """The name and description of every model card."""
    cards = {path.stem: DictConfig(OmegaConf.load(path)) for path in sorted((conf_folder() / "model").glob("*.yaml"))}
    return {name: str(card.get("description", "")) for name, card in cards.items()}


@dataclass(frozen=True)
class NetworkCard:
    """A network in a file.

    Attributes:
        path: a safetensors file or an EDM pickle (.pkl), as a path, a URL, or 'embedded:NAME' for one that the
            package holds.
        reference: npz of the data's statistics, likewise; None where there is none.
    """

    name: str
    path: str
    reference: str | None = None


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


_KINDS: dict[str, type[NetworkCard] | type[MixtureCard]] = {"network": NetworkCard, "gaussian_mixture": MixtureCard}


@dataclass(frozen=True)
class DetectorCard:
    """Which detector: digits (its file), pixels, or none."""

    name: str
    path: str | None = None

    def __post_init__(self) -> None:
        require(self.name in ("digits", "pixels", "none"), "detector", self.name, "one of digits, pixels, none")


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
    for note in ("description", "settings"):
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
    checked = read_options(_Options, rest, "")
    plain = {name: getattr(checked, name) for name in rest}
    return RunConfig(model=card, sampler=sampler, detector=detector, seeds=tuple(seeds), source=source, **plain)


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    section = values.pop(name, None)
    if not isinstance(section, Mapping):
        raise UserError(f"{name}: missing; choose one with {name}=NAME")
    return dict(section)
