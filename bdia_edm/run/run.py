"""A run as data: what the user chose, what was loaded for it, and what identifies it.

The folder's name comes from what the images and figures depend on, never from the clock, so a restart finds what is
done and a changed config never mixes with it. That is every option that does not say why it is harmless
(``RunConfig.deciding``), the checksums of everything that was loaded, the kind of device, and the arithmetic's version:
an option that somebody forgot then costs a rerun, never a wrong figure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bdia_edm.config.run_config import RunConfig
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.plan import Block, cut_into_blocks
from bdia_edm.metrics.metric import Metric
from bdia_edm.metrics.reference import Reference
from bdia_edm.models.denoiser import Denoiser

__all__ = ["ARITHMETIC", "Run", "count_workers"]

ARITHMETIC = 2
"""Raised with every change of this program that gives an image or a figure other bits for the same options.

2: the noise levels of improved DDPM are EDM's own (abar in float32 and the order of operations of the index in the
ablation sampler's discretization=iddpm, torch.cdist's nearest in iDDPMPrecond); only figures with that discretization
or of an iDDPM network moved.
"""


@dataclass(frozen=True)
class Run:
    """A run whose every option has been checked and whose files have been read.

    Attributes:
        command: what the user typed, for the record.
        metrics: what is measured; none without a detector.
        device: where denoiser and detector are; the CPU where other processes will do the work.
        device_type: 'cpu' or 'cuda', where the images are made.
        checksums: of everything that was loaded; of the source of parts that are the user's own.
        portable: whether other processes can load the same from ``config``, where no part is an object of the user's.
    """

    config: RunConfig
    command: str
    denoiser: Denoiser
    detector: Detector | None
    reference: Reference | None
    metrics: tuple[Metric, ...]
    device: torch.device
    device_type: str
    checksums: dict[str, str]
    portable: bool = True

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def identity(self) -> str:
        """What the images and figures depend on, as one text."""
        return self._identity(dict(self.config.deciding()))

    @cached_property
    def series(self) -> str:
        """SHA-256 of the identity less the seeds: runs that share it are blocks of seeds of the same experiment."""
        options = {name: value for name, value in self.config.deciding() if name != "seeds"}
        return hashlib.sha256(self._identity(options).encode()).hexdigest()

    def _identity(self, options: dict[str, Any]) -> str:
        return json.dumps(
            {
                "arithmetic": ARITHMETIC,
                "options": options,
                "device": self.device_type,
                "checksums": self.checksums,
            },
            sort_keys=True,
        )

    @property
    def folder(self) -> Path:
        """Where the run's files are."""
        digest = hashlib.sha256(self.identity.encode()).hexdigest()[:12]
        sampler = self.config.sampler
        name = f"{self.config.model.name}-{sampler.name}-{sampler.num_steps}steps-{digest}"
        return Path(self.config.results_dir) / name

    @cached_property
    def blocks(self) -> list[Block]:
        """The run's seeds, cut."""
        return cut_into_blocks(self.config.seeds, self.config.block_size)

    @property
    def num_workers(self) -> int:
        """How many processes of this machine work on it, where torchrun has not started any."""
        return count_workers(self.config, self.device_type)


def count_workers(config: RunConfig, device_type: str) -> int:
    """The processes that ``workers`` asks for: a number, or one for each GPU, or one."""
    if isinstance(config.workers, int):
        return config.workers
    return torch.cuda.device_count() if device_type == "cuda" else 1
