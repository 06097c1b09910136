"""What every run has, whatever it does: its options, its model and its sampler, read and checked.

Each option is written once, here or in the config of the one kind of run that has it.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.base.options import check_ranges, option, options_of, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile
from bdia_edm.config.model_card import MODEL_KINDS, ModelCard
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.sampler import Sampler
from bdia_edm.trackers.tracker import check_tracker

__all__ = [
    "AUTO",
    "MOST",
    "AnyConfig",
    "CommonOptions",
    "ModelConfig",
    "WorkOptions",
    "import_modules",
    "import_modules_of",
    "read_parts",
    "require_blocks",
    "section",
]

# For people and for other options' defaults; a run itself does not need them.
_NOTES = ("description", "published", "licence", "settings")

MOST = 1_000_000
AUTO = "auto"
"""The batch size that is measured."""
_MOST_WORKERS = 1024
_MOST_BLOCKS = 100_000


@dataclass(frozen=True, kw_only=True)
class WorkOptions:
    """The options of how a run's work is done, which every kind of run has."""

    block_size: int = option(500, words="images of one block, which is what an interruption costs", low=1, high=MOST)
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
    verbosity: str = option(
        "normal",
        words="what is said meanwhile: quiet (-q) leaves out how far it is, verbose (-v) tells of every block",
        one_of=("quiet", "normal", "verbose"),
        harmless="it is only said",
    )
    tracker: str = option(
        "none",
        words="where a finished run is logged beside its record: none, tensorboard, wandb, mlflow, or one of your own",
        harmless="it comes after the record",
    )
    modules: tuple[str, ...] = option(
        (),
        words="modules of your own with samplers, detectors, metrics, trackers or kinds of models, a list",
        harmless="the source of what a run uses of them is in the identity",
    )

    def __post_init__(self) -> None:
        check_ranges(self, "")
        counted = isinstance(self.workers, int) and 1 <= self.workers <= _MOST_WORKERS
        require(self.workers == "auto" or counted, "workers", self.workers, f"auto or from 1 to {_MOST_WORKERS}")
        require(bool(self.results_dir.strip()), "results_dir", self.results_dir, "a folder; '.' is this one")
        check_tracker(self.tracker)


@dataclass(frozen=True, kw_only=True)
class CommonOptions(WorkOptions):
    """The options of every kind of run that has a model and a sampler, beside these."""

    class_idx: int | None = option(None, words="one class for all images; null draws one for each", low=0, high=MOST)
    batch_size: int | str = option(
        words="images sampled at once; auto measures, once for each device and model, how many are fastest",
        default_words="the model's card",
        # In one batch or another an image differs in float32's last bits, as it does on another machine.
        harmless="changes an image's last bits at most, so that a run goes on where there is less memory",
    )
    precision: str = option(
        "auto",
        words="what the network computes in: auto, the checkpoint's own on this device (float16 on a GPU where it says "
        "so, else float32), fp32, tf32 or fp16 (on a GPU), or bf16; state and detector are float64 and float32",
        one_of=("auto", "fp32", "tf32", "bf16", "fp16"),
        harmless="the precision that it stands for is in the identity",
    )
    compile: str = option(
        "off",
        words="whether the network is compiled (torch.compile, up to minutes at the start): off, default, or max, with "
        "kernels chosen by timing, whose last bits another start need not give, and CUDA graphs on a GPU",
        one_of=("off", "default", "max"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        sized = isinstance(self.batch_size, int) and 1 <= self.batch_size <= MOST
        require(self.batch_size == AUTO or sized, "batch_size", self.batch_size, f"from 1 to {MOST}, or {AUTO}")
        fixed = f"a number with compile={self.compile}, whose batches are all of one size"
        require(self.batch_size != AUTO or self.compile == "off", "batch_size", self.batch_size, fixed)

    @property
    def images_at_once(self) -> int:
        """The batch size; of a run that was prepared, which has a number in any case."""
        assert isinstance(self.batch_size, int)
        return self.batch_size


@dataclass(frozen=True, kw_only=True)
class AnyConfig(WorkOptions, ABC):
    """Everything that the user chose.

    Attributes:
        source: the config as plain values, for the record.
    """

    source: dict[str, Any] = field(compare=False, repr=False)

    @abstractmethod
    def sections(self) -> list[tuple[str, Any]]:
        """The parts that have options of their own, with what the user types before these."""

    def deciding(self) -> Iterator[tuple[str, Any]]:
        """Every option that can change a figure, as (name, plain value): all but those that say why they cannot."""
        for where, part in self.sections():
            harmless = {found.name for found, facts in options_of(part) if facts.harmless}
            for each in fields(part):
                if each.name not in harmless:
                    yield f"{where}{each.name}", getattr(part, each.name)
        for found, facts in options_of(self):
            if not facts.harmless:
                yield found.name, getattr(self, found.name)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(CommonOptions, AnyConfig):
    """Everything that the user chose, a model and a sampler among it."""

    model: ModelCard
    sampler: Sampler

    @property
    @abstractmethod
    def remote_files(self) -> list[RemoteFile]:
        """The files that must be fetched."""

    def sections(self) -> list[tuple[str, Any]]:
        return [("model.", self.model), ("sampler.", self.sampler)]

    def deciding(self) -> Iterator[tuple[str, Any]]:
        yield "model.kind", self.model.kind
        yield "sampler.name", self.sampler.name
        yield from super().deciding()


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


def import_modules_of(values: Mapping[str, Any]) -> None:
    """``import_modules`` of what plain values name; UserError too where that is no list of names."""
    import_modules(read_options(_Modules, {"modules": values.get("modules", ())}, "").modules)


def read_parts(rest: dict[str, Any], sampler: Sampler | None = None) -> tuple[ModelCard, Sampler]:
    """The model's card and the sampler, which are taken out of ``rest``; the user's modules are imported first.

    Args:
        sampler: one of the user's own, instead of the config's.

    Raises:
        UserError: at the first option that is unknown, missing or out of range.
    """
    import_modules_of(rest)
    model = section(rest, "model")
    kind = model.pop("kind", None)
    for note in _NOTES:
        model.pop(note, None)
    card = read_options(MODEL_KINDS[str(kind)], model, "model")
    chosen = section(rest, "sampler")
    return card, make_sampler(str(chosen.pop("name", None)), chosen) if sampler is None else sampler


def require_blocks(items: int, block_size: int, what: str) -> None:
    """Raises UserError where they are cut into more blocks than a folder holds well."""
    blocks = -(-items // block_size)
    if blocks > _MOST_BLOCKS:
        raise UserError(
            f"{named('block_size')}={block_size}: cuts {items:,} {what} into {blocks:,} blocks, and "
            f"{_MOST_BLOCKS:,} are the most; take larger blocks or fewer {what}"
        )


@dataclass(frozen=True)
class _Modules:
    modules: tuple[str, ...] = ()


def section(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The values of ``name``, which are taken out of ``values``; UserError where there are none."""
    found = values.pop(name, None)
    if not isinstance(found, Mapping):
        raise UserError(f"{name}: missing; choose one with {name}=NAME")
    return dict(found)
