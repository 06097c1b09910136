"""A run: from a config to its record.

What is wrong is found in ``Run.prepare``, before the first image; ``Run.finish`` then has the blocks made that are
not there yet (``bdia_edm.run.finish``), and ends in the record. The folder's name comes from what the images
and figures depend on (never from the clock), so a restart finds what is done and a changed config never mixes with it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say
from bdia_edm.config.cards import RunConfig
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.plan import Block, cut_into_blocks, format_seeds
from bdia_edm.engine.precision import choose_device, fix_precision
from bdia_edm.metrics.reference import Reference
from bdia_edm.models.preconditioning import Denoiser
from bdia_edm.records.record import Record
from bdia_edm.run.finish import finish
from bdia_edm.run.loading import fetch_files, load_denoiser, load_detector, load_reference
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.workers.meeting import launched_ranks

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """A run whose every option has been checked and whose files have been read.

    Attributes:
        device: where denoiser and detector are; the CPU where other processes will do the work.
        device_type: 'cpu' or 'cuda', where the images are made.
    """

    config: RunConfig
    command: str
    denoiser: Denoiser
    detector: Detector | None
    reference: Reference | None
    device: torch.device
    device_type: str
    checksums: dict[str, str]

    @classmethod
    def prepare(cls, config: RunConfig, command: str) -> Run:
        """Reads network, detector and reference, and checks them against the config.

        Args:
            command: what the user typed, for the record.

        Raises:
            UserError: anything is wrong.
        """
        device = choose_device(config.device)
        device_type = device.type
        if launched_ranks() is None and _num_workers(config, device_type) > 1:
            # Others will work: what is loaded here is only looked at, and takes no memory of theirs.
            device = torch.device("cpu")
        fix_precision()
        fetch_files(config.remote_files)
        loaded = load_denoiser(config.model, device)
        denoiser = loaded.denoiser
        checksums = {"model": loaded.checksum}
        if config.class_idx is not None:
            _check_class(config.class_idx, denoiser.label_dim)
        config.sampler.check_range(BatchDenoiser(denoiser))
        shape = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
        detector = load_detector(config.detector, shape, device)
        reference = None
        if detector is not None:
            reference = load_reference(config.model, detector)
            checksums |= {"detector": detector.checksum, "reference": reference.checksum}
        run = cls(config, command, denoiser, detector, reference, device, device_type, checksums)
        _check_workers(run)
        _require_writable(Path(config.results_dir))
        return run

    @property
    def identity(self) -> str:
        """What the images and figures depend on, as one text."""
        config = self.config
        return json.dumps(
            {
                "sampler": {"name": config.sampler.name, **asdict(config.sampler)},
                "seeds": format_seeds(config.seeds),
                "class_idx": config.class_idx,
                "block_size": config.block_size,
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

    @property
    def block_folder(self) -> BlockFolder:
        """Where the run's blocks are."""
        return BlockFolder(self.folder, self.identity, self.config.save_images)

    @cached_property
    def blocks(self) -> list[Block]:
        """The run's seeds, cut."""
        return cut_into_blocks(self.config.seeds, self.config.block_size)

    @property
    def num_workers(self) -> int:
        """How many processes of this machine work on it, where torchrun has not started any."""
        return _num_workers(self.config, self.device_type)

    def finish(self, say: Say) -> Record:
        """The run's record; see ``bdia_edm.run.finish.finish``."""
        return finish(self, say)


def _num_workers(config: RunConfig, device_type: str) -> int:
    if isinstance(config.workers, int):
        return config.workers
    return torch.cuda.device_count() if device_type == "cuda" else 1


def _check_workers(run: Run) -> None:
    chosen, started = run.config.workers, launched_ranks()
    if started is not None and chosen not in ("auto", started):
        raise UserError(f"workers={chosen}: {started} were started already (WORLD_SIZE); leave workers out")
    if started is None and run.device_type == "cuda" and run.num_workers > torch.cuda.device_count():
        raise UserError(f"workers={chosen}: each takes a GPU, and PyTorch finds {torch.cuda.device_count()} here")


def _check_class(class_idx: int, label_dim: int) -> None:
    if not label_dim:
        raise UserError(f"class_idx={class_idx}: this network is unconditional, it has no classes; leave it out")
    if not 0 <= class_idx < label_dim:
        raise UserError(f"class_idx={class_idx}: must be from 0 to {label_dim - 1}, the network's classes")


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"results_dir={folder}: cannot be written ({error.strerror}); give a folder that can"
        ) from error
