"""The options of a run, as conf/ and the command line give them, read and checked; each is written here once."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.base.options import check_ranges, option, options_of, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.config.model_card import MODEL_KINDS, ModelCard
from bdia_edm.engine.plan import format_seeds, parse_seeds
from bdia_edm.metrics.metric import make_metrics
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.sampler import Sampler

__all__ = ["RunConfig", "RunOptions", "import_modules", "read_config"]

# For people and for other options' defaults; a run itself does not need them.
_NOTES = ("description", "published", "licence", "settings")

_MOST = 1_000_000
_MOST_WORKERS = 1024
_MOST_BLOCKS = 100_000


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of a run beside model, sampler, detector and seeds."""

    class_idx: int | None = option(None, words="one class for all images; null draws one for each", low=0, high=_MOST)
    batch_size: int = option(
        words="images sampled at once",
        low=1,
        high=_MOST,
        default_words="the model's card",
        # In one batch or another an image differs in float32's last bits, as it does on another machine.
        harmless="changes an image's last bits at most, so that a run goes on where there is less memory",
    )
    block_size: int = option(500, words="images of one block, which is what an interruption costs", low=1, high=_MOST)
    device: str = option(
        "auto",
        words="where to sample: auto (a GPU where there is one), cpu, cuda, or cuda:N for the GPU of this number",
        harmless="the kind of device that it stands for is in the identity",
    )
    workers: int | str = option(
        "auto",
        words="processes of this machine that share the blocks; auto is one for each GPU, else, and for cuda:N, one",
        harmless="figures are the same bits for any number",
    )
    results_dir: str = option(
        "runs", words="where every run gets a folder, named after its config", harmless="where a figure is kept"
    )
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
    verbosity: str = option(
        "normal",
        words="what is said meanwhile: quiet (-q) leaves out how far it is, verbose (-v) tells of every block",
        one_of=("quiet", "normal", "verbose"),
        harmless="it is only said",
    )
    metric: tuple[str, ...] = option(("frechet",), words="what to measure in the detector's features, a list")
    modules: tuple[str, ...] = option(
        (),
        words="modules of your own with samplers, detectors, metrics or kinds of models, a list",
        harmless="the source of what a run uses of them is in the identity",
    )

    def __post_init__(self) -> None:
        check_ranges(self, "")
        counted = isinstance(self.workers, int) and 1 <= self.workers <= _MOST_WORKERS
        require(self.workers == "auto" or counted, "workers", self.workers, f"auto or from 1 to {_MOST_WORKERS}")
        require(bool(self.results_dir.strip()), "results_dir", self.results_dir, "a folder; '.' is this one")
        make_metrics(self.metric)


@dataclass(frozen=True, kw_only=True)
class RunConfig(RunOptions):
    """Everything that the user chose.

    Attributes:
        source: the config as plain values, for the record.
    """

    seeds: Sequence[int] = option(
        words="one image each: numbers and ranges such as 0-4999 or '0-99,200-299'", default_words="the model's card"
    )
    model: ModelCard
    sampler: Sampler
    detector: DetectorCard
    source: dict[str, Any] = field(compare=False, repr=False)

    @property
    def remote_files(self) -> list[RemoteFile]:
        """The files that must be fetched; without a detector no reference statistics are among them."""
        reference = self.model.reference if self.detector.name == "none" else None
        return [file for file in self.model.remote_files if file.url != reference] + self.detector.remote_files

    def deciding(self) -> Iterator[tuple[str, Any]]:
        """Every option that can change a figure, as (name, plain value): all but those that say why they cannot."""
        yield "model.kind", self.model.kind
        yield "sampler.name", self.sampler.name
        for where, section in (("model.", self.model), ("sampler.", self.sampler), ("detector.", self.detector)):
            harmless = {found.name for found, facts in options_of(section) if facts.harmless}
            for each in fields(section):
                if each.name not in harmless:
                    yield f"{where}{each.name}", getattr(section, each.name)
        # However they are written.
        yield "seeds", format_seeds(self.seeds)
        for found, facts in options_of(RunOptions):
            if not facts.harmless:
                yield found.name, getattr(self, found.name)


def import_modules(names: Sequence[str]) -> None:
    """Imports the user's own modules, which make known what they bring.

    Raises:
        UserError: one is not there, or fails.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except UserError:
            raise
        except Exception as error:  # whatever the user's code raises
            given = f"{named('modules')}={name}"
            if isinstance(error, ModuleNotFoundError) and error.name in (name, name.partition(".")[0]):
                raise UserError(
                    f"{given}: no such module; it must lie in this folder or where Python looks (PYTHONPATH)"
                ) from error
            raise UserError(f"{given}: cannot be imported: {type(error).__name__}: {one_line(error)}") from error


def read_config(values: Mapping[str, Any], sampler: Sampler | None = None) -> RunConfig:
    """Checks a config, every option of it.

    Args:
        sampler: one of the user's own, instead of the config's.

    Raises:
        UserError: at the first that is unknown, missing or out of range.
    """
    rest = dict(values)
    source = dict(values)
    import_modules(read_options(_Modules, {"modules": rest.get("modules", ())}, "").modules)
    model = _section(rest, "model")
    kind = model.pop("kind", None)
    for note in _NOTES:
        model.pop(note, None)
    card = read_options(MODEL_KINDS[str(kind)], model, "model")
    chosen = _section(rest, "sampler")
    if sampler is None:
        sampler = make_sampler(str(chosen.pop("name", None)), chosen)
    else:
        source["sampler"] = {"name": sampler.name, **sampler.options()}
    detector = read_options(DetectorCard, _section(rest, "detector"), "detector")
    seeds = parse_seeds(rest.pop("seeds", ""))
    checked = read_options(RunOptions, rest, "")
    blocks = -(-len(seeds) // checked.block_size)
    if blocks > _MOST_BLOCKS:
        raise UserError(
            f"{named('block_size')}={checked.block_size}: cuts {len(seeds):,} seeds into {blocks:,} blocks, and "
            f"{_MOST_BLOCKS:,} are the most; take larger blocks or fewer seeds"
        )
    plain = {each.name: getattr(checked, each.name) for each in fields(checked)}
    return RunConfig(model=card, sampler=sampler, detector=detector, seeds=seeds, source=source, **plain)


@dataclass(frozen=True)
class _Modules:
    modules: tuple[str, ...] = ()


def _section(values: dict[str, Any], name: str) -> dict[str, Any]:
    section = values.pop(name, None)
    if not isinstance(section, Mapping):
        raise UserError(f"{name}: missing; choose one with {name}=NAME")
    return dict(section)
