"""A run as data: what the user chose, what was loaded for it, and what identifies it.

The folder's name comes from what the images and figures depend on, never from the clock, so a restart finds what is
done and a changed config never mixes with it. That is every option that does not say why it is harmless
(``AnyConfig.deciding``), the checksums of everything that was loaded, the kind of device, and the arithmetic's version:
an option that somebody forgot then costs a rerun, never a wrong figure.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.config.common_config import AnyConfig, ModelConfig
from bdia_edm.config.editing_config import EditingConfig
from bdia_edm.config.inversion_config import InversionConfig
from bdia_edm.config.run_config import RunConfig
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.plan import Block, cut_into_blocks
from bdia_edm.images.image_source import ImageSource
from bdia_edm.metrics.metric import Metric
from bdia_edm.metrics.reference import Reference
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.run.encoders import Encoder

__all__ = ["ARITHMETIC", "AnyRun", "EditingRun", "InversionRun", "ModelRun", "Run", "count_workers"]
__all__ += ["in_file_names", "shown_number"]

ARITHMETIC = 3
"""Raised with every change of this program that gives an image or a figure other bits for the same options.

2: the noise levels of improved DDPM are EDM's own (abar in float32 and the order of operations of the index in the
ablation sampler's discretization=iddpm, torch.cdist's nearest in iDDPMPrecond); only figures with that discretization
or of an iDDPM network moved.

3: attention by PyTorch's own kernels (scaled_dot_product_attention), and on the CPU images with their channels side by
side; every network's images moved in float32's last bits.
"""

_LONGEST = 80
"""Characters that a folder's name tells of a sampler's options; the digest tells all of them apart."""


_ASIDE = ("command", "checked")
"""What of a run is not part of what it computes."""


@dataclass(frozen=True, kw_only=True)
class AnyRun(ABC):
    """A run of any kind, whose every option has been checked and whose files have been read.

    Attributes:
        task: the command that makes such runs.
        home: the module that makes this kind of run known (``kinds``).
        command: what the user typed, for the record.
        device: where everything is; the CPU where other processes will do the work.
        device_type: 'cpu' or 'cuda', where the images are made.
        checksums: of everything that was loaded; of the source of parts that are the user's own.
        portable: whether other processes can load the same from ``config``, where no part is an object of the user's.
        checked: the parts as they were prepared, which is not for the caller to give.

    Raises:
        UserError: one of the parts was replaced afterwards.
    """

    task: ClassVar[str]
    home: ClassVar[str] = "bdia_edm.run.kinds"
    config: AnyConfig
    command: str
    device: torch.device
    device_type: str
    checksums: dict[str, str]
    portable: bool = True
    checked: tuple[object, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = tuple(getattr(self, each.name) for each in fields(self) if each.name not in _ASIDE)
        # dataclasses.replace hands on what was checked: a record would say other checksums than its figures have.
        if self.checked and any(now is not before for now, before in zip(parts, self.checked, strict=True)):
            raise UserError(
                "a run's parts cannot be replaced: its identity and checksums are of those it was prepared with; "
                "prepare(..., denoiser=, sampler=, detector=, metrics=) makes a run of objects of your own"
            )
        object.__setattr__(self, "checked", parts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.folder)!r})"

    @property
    @abstractmethod
    def items(self) -> Sequence[int]:
        """What stands for each of the run's images: its seed, or its number among the images given."""

    @cached_property
    def identity(self) -> str:
        """What the images and figures depend on, as one text."""
        return self._identity(dict(self.config.deciding()))

    def _identity(self, options: dict[str, Any], **more: str) -> str:
        return json.dumps(
            {
                "arithmetic": ARITHMETIC,
                "options": options,
                "device": self.device_type,
                "checksums": self.checksums,
                **more,
            },
            sort_keys=True,
        )

    @property
    @abstractmethod
    def title(self) -> str:
        """The run in one line."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the run's files are."""

    @property
    def digest(self) -> str:
        """The identity in a few letters."""
        return hashlib.sha256(self.identity.encode()).hexdigest()[:12]

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The run's images, cut."""
        return cut_into_blocks(self.items, self.config.block_size)

    @property
    def num_workers(self) -> int:
        """How many processes of this machine work on it, where torchrun has not started any."""
        return count_workers(self.config, self.device_type)


@dataclass(frozen=True, kw_only=True)
class ModelRun(AnyRun):
    """A run of a denoiser and a sampler.

    Attributes:
        precision: what the network computes in, by name; ``precision=auto`` is resolved.
    """

    config: ModelConfig
    denoiser: Denoiser
    precision: str

    __repr__ = AnyRun.__repr__

    def _identity(self, options: dict[str, Any], **more: str) -> str:
        return super()._identity(options, precision=self.precision, **more)

    @property
    def title(self) -> str:
        """The sampler and its options in one line, without those that are the default."""
        sampler = self.config.sampler
        columns = [f"{name}={shown_number(value)}" for name, value in sampler.columns.items()]
        return " ".join([sampler.label, *columns, f"{sampler.num_steps} steps"])

    @property
    def folder(self) -> Path:
        digest, sampler = self.digest, self.config.sampler
        begin = "-".join([self.config.model.name, *self._kind_in_file_names, sampler.name, f"{sampler.num_steps}steps"])
        # Earlier versions told no more; what lies there is the same run.
        before = Path(self.config.results_dir) / f"{begin}-{digest}"
        if before.is_dir():
            return before
        return before.with_name("-".join([begin, *in_file_names(sampler.label, sampler.columns), digest]))

    @property
    def _kind_in_file_names(self) -> list[str]:
        return [self.task]


@dataclass(frozen=True, kw_only=True)
class Run(ModelRun):
    """A run of sampling.

    Attributes:
        encoders: detectors with the data's statistics in their features; none where nothing is measured.
        metrics: what is measured; none without a detector.
    """

    task = "sample"
    config: RunConfig
    encoders: tuple[Encoder, ...]
    metrics: tuple[Metric, ...]

    __repr__ = AnyRun.__repr__

    @property
    def detector(self) -> Detector | None:
        """The first; None where nothing is measured."""
        return self.encoders[0].detector if self.encoders else None

    @property
    def reference(self) -> Reference | None:
        """The data's statistics in the first detector's features."""
        return self.encoders[0].reference if self.encoders else None

    @property
    def items(self) -> Sequence[int]:
        return self.config.seeds

    @cached_property
    def series(self) -> str:
        """SHA-256 of the identity less the seeds: runs that share it are blocks of seeds of the same experiment."""
        options = {name: value for name, value in self.config.deciding() if name != "seeds"}
        return hashlib.sha256(self._identity(options).encode()).hexdigest()

    @property
    def _kind_in_file_names(self) -> list[str]:
        return []


@dataclass(frozen=True, kw_only=True)
class InversionRun(ModelRun):
    """A run of inversion.

    Attributes:
        images: those that were given.
        indices: the numbers of those that are inverted.
        labels: the class of each of these, (n,) int64; -1 for an unconditional network.
    """

    task = "invert"
    config: InversionConfig
    images: ImageSource
    indices: Sequence[int]
    labels: NDArray[np.int64]

    __repr__ = AnyRun.__repr__

    @property
    def items(self) -> Sequence[int]:
        return self.indices

    @property
    def _kind_in_file_names(self) -> list[str]:
        iterations = self.config.iterations
        return [self.task, *([f"{iterations}iterations"] if iterations else [])]

    @property
    def title(self) -> str:
        iterations = self.config.iterations
        return f"inverse of {super().title}" + (f", {iterations} iterations" if iterations else "")


@dataclass(frozen=True, kw_only=True)
class EditingRun(InversionRun):
    """A run of editing.

    Attributes:
        new_labels: the class that each image is to have, (n,) int64.
        detector: looks what the edited images are; None where nobody does.
        reference: the data's statistics in its features; None where none are known.
    """

    task = "edit"
    config: EditingConfig
    new_labels: NDArray[np.int64]
    detector: Detector | None
    reference: Reference | None

    __repr__ = AnyRun.__repr__

    @property
    def _kind_in_file_names(self) -> list[str]:
        edit = self.config.edit
        dropped = [] if edit.partner == "keep" else [edit.partner]
        return [*super()._kind_in_file_names, f"class{edit.class_idx}", f"from{edit.step}", *dropped]

    @property
    def title(self) -> str:
        edit = self.config.edit
        how = ["its partner dropped"] if edit.partner == "drop" else []
        return ", ".join([f"edit to class {edit.class_idx} by the {super().title}", f"from step {edit.step}", *how])


def in_file_names(label: str, columns: Mapping[str, Any]) -> list[str]:
    """A sampler's options that are not the default, short and in letters that every file system takes.

    A number has its option's name before it, a text that has a column speaks for itself.
    """
    told = sorted(columns.items(), key=lambda column: isinstance(column[1], str))
    words = [value if isinstance(value, str) else f"{name}{shown_number(value)}" for name, value in told]
    words += [re.sub("=(?![0-9])", "_", word).replace("=", "") for word in label.split()[1:]]
    safe = re.sub("[^-A-Za-z0-9._]", "", "-".join(words))[:_LONGEST].strip("-.")
    return [safe] if safe else []


def shown_number(value: str | float) -> str:
    """A text as it is, a number without zeros at its end."""
    return value if isinstance(value, str) else f"{value:g}"


def count_workers(config: AnyConfig, device_type: str) -> int:
    """The processes that ``workers`` asks for: a number, or one for each GPU that ``device`` leaves, or one."""
    if isinstance(config.workers, int):
        return config.workers
    if ":" in config.device:
        return 1
    return torch.cuda.device_count() if device_type == "cuda" else 1
