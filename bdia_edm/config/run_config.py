"""The options of a run of sampling, as conf/ and the command line give them, read and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bdia_edm.base.options import option, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile
from bdia_edm.config.common_config import CommonOptions, ModelConfig, read_parts, require_blocks, section
from bdia_edm.config.detector_card import NONE, DetectorCard
from bdia_edm.engine.plan import format_seeds, parse_seeds
from bdia_edm.metrics.metric import make_metrics
from bdia_edm.samplers.sampler import Sampler

__all__ = ["RunConfig", "RunOptions", "read_config", "read_detectors"]


@dataclass(frozen=True, kw_only=True)
class RunOptions(CommonOptions):
    """The options of a run beside model, sampler, detector and seeds."""

    save_images: str = option(
        "none",
        words="images to keep: npz is an array for every block, png a file for every image",
        one_of=("none", "npz", "png"),
        harmless="the figures are the same, and missing images are made",
    )
    keep_features: bool = option(
        False,
        words="whether the shards with all features stay when the record is written",
        harmless="the figures are the same, and missing shards are made",
    )
    metric: tuple[str, ...] = option(("frechet",), words="what to measure in the detector's features, a list")

    def __post_init__(self) -> None:
        super().__post_init__()
        make_metrics(self.metric)


@dataclass(frozen=True, kw_only=True)
class RunConfig(RunOptions, ModelConfig):
    """Everything that the user chose."""

    seeds: Sequence[int] = option(
        words="one image each: numbers and ranges such as 0-4999 or '0-99,200-299'", default_words="the model's card"
    )
    detector: DetectorCard
    more_detectors: tuple[DetectorCard, ...] = ()

    @property
    def detectors(self) -> tuple[DetectorCard, ...]:
        """All that measure; none with detector=none."""
        return () if self.detector.name == NONE else (self.detector, *self.more_detectors)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """The files that must be fetched, reference statistics of these detectors alone among them."""
        used = {self.model.reference_of(card.name, card is self.detector) for card in self.detectors}
        unused = {self.model.reference, *dict(self.model.references).values()} - used
        files = [file for file in self.model.remote_files if file.url not in unused]
        return files + [file for card in self.detectors for file in card.remote_files]

    def sections(self) -> list[tuple[str, Any]]:
        more = [(f"detector {card.name}.", card) for card in self.more_detectors]
        return [*super().sections(), ("detector.", self.detector), *more]

    def deciding(self) -> Iterator[tuple[str, Any]]:
        # However they are written.
        for name, value in super().deciding():
            yield name, format_seeds(self.seeds) if name == "seeds" else value


def read_detectors(rest: dict[str, Any]) -> list[DetectorCard]:
    """The cards of all detectors, one or more, which are taken out of ``rest``.

    Raises:
        UserError: an option of one is wrong, or one of several is none.
    """
    given = rest.pop("detector", None)
    cards = [section({"detector": each}, "detector") for each in (given if isinstance(given, list) else [given])]
    read = [read_options(DetectorCard, card, "detector") for card in cards]
    names = [card.name for card in read]
    require(len(read) == 1 or NONE not in names, "detector", f"[{','.join(names)}]", f"{NONE}, or some without it")
    return read


def read_config(values: Mapping[str, Any], sampler: Sampler | None = None) -> RunConfig:
    """Checks a config, every option of it.

    Args:
        sampler: one of the user's own, instead of the config's.

    Raises:
        UserError: at the first that is unknown, missing or out of range.
    """
    rest = dict(values)
    source = dict(values)
    card, chosen = read_parts(rest, sampler)
    if sampler is not None:
        source["sampler"] = {"name": sampler.name, **sampler.options()}
    first, *more = read_detectors(rest)
    seeds = parse_seeds(rest.pop("seeds", ""))
    checked = read_options(RunOptions, rest, "")
    require_blocks(len(seeds), checked.block_size, "seeds")
    plain = {each.name: getattr(checked, each.name) for each in fields(checked)}
    return RunConfig(
        model=card, sampler=chosen, detector=first, more_detectors=tuple(more), seeds=seeds, source=source, **plain
    )
