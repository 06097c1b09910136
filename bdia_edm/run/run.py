"""A run: from a config to its record.

What is wrong is found in ``Run.prepare``, before the first image; ``Run.finish`` then has the blocks made that are
not there yet, by this process or by several, and ends in the record. The folder's name comes from what the images
and figures depend on (never from the clock), so a restart finds what is done and a changed config never mixes with it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_lock import locked
from bdia_edm.config.cards import RunConfig
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.plan import Block, cut_into_blocks, format_seeds
from bdia_edm.engine.precision import choose_device, fix_precision
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.records.notes import Plan, forget_plan, plan_kept
from bdia_edm.records.record import Record, read_record
from bdia_edm.run.loading import fetch_files, load_denoiser, load_detector, load_reference
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.workers.board import Board, join, launched_ranks, wait_until
from bdia_edm.workers.launch import launch
from bdia_edm.workers.sharing import announce_end, follow, lead

__all__ = ["Run"]

_OVER = "over"

Say = Callable[[str], object]


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
        """The run's record; what is not done yet is done first, by all workers.

        Args:
            say: takes lines for the user; those of workers in processes of their own go to stderr.

        Raises:
            UserError: an image is not finite, the disk does not take the results, or a worker dies again and again.
        """
        started = launched_ranks() is not None
        board = join(self.device).new_board() if started else Board()
        if board.rank:
            return self._follow(board)
        try:
            record = self._finish(board, say, alone=not started)
        except UserError as error:
            board.fail(str(error))
            board.post(_OVER)
            raise
        announce_end(board, record)
        return record

    def cannot_write(self, error: OSError) -> str:
        """What to say where the disk does not take the results."""
        return f"{self.folder}: cannot write there: {error}; what is finished is kept"

    def _finish(self, board: Board, say: Say, alone: bool) -> Record:
        shards, kept = self.block_folder.shards, self.config.keep_features
        record = self._finished()
        if record is not None and (kept or not shards.exists()):
            say(f"done before: {self.folder}")
            return record
        try:
            with locked(self.folder, say):
                # Who held the lock before may have finished it, or have been killed before it removed the shards.
                record = self._finished()
                done_before = record is not None
                if record is None:
                    record = self._make(board, say, alone)
                forget_plan(self.folder)
                if not kept and shards.exists():
                    shutil.rmtree(shards)
        except OSError as error:
            raise UserError(self.cannot_write(error)) from error
        say(f"{'done before' if done_before else 'written'}: {self.folder}")
        return record

    def _make(self, board: Board, say: Say, alone: bool) -> Record:
        """The run's blocks and then its record; the caller holds the folder's lock."""
        total, found = len(self.config.seeds), self.block_folder.found(self.blocks)
        warning = too_few_images(total, self.detector.num_features) if self.detector is not None else ""
        if warning:
            say(warning)
        workers = self.num_workers if alone else board.size
        with plan_kept(self.folder, Plan(total, self.config.block_size, found, workers, self.command)):
            if alone and workers > 1:
                return launch(self.config.source, self.command, workers)
            return lead(self, board, say)

    def _finished(self) -> Record | None:
        """The record, where everything that was asked for is there with it."""
        record, folder = read_record(self.folder), self.block_folder
        kept = not self.config.keep_features or all(folder.path(block).is_file() for block in self.blocks)
        return record if kept and all(folder.images.holds(block) for block in self.blocks) else None

    def _follow(self, board: Board) -> Record:
        try:
            return follow(self, board)
        except UserError:
            # Whoever started the processes ends them all when one ends so; the leader is to speak first.
            wait_until(lambda: board.read(_OVER) is not None)
            time.sleep(1)
            raise


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
