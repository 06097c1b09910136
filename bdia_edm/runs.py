"""A run: from a config to its record.

What is wrong is found in ``Run.prepare``, before the first image; ``Run.finish`` then makes the blocks that are not
there yet and ends in the record. The folder's name comes from what the images and figures depend on (never from the
clock), so a restart finds what is done and a changed config never mixes with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from bdia_edm.cards import RunConfig
from bdia_edm.engine.plan import Block, cut_into_blocks, format_seeds
from bdia_edm.engine.precision import choose_device, describe_precision, fix_precision
from bdia_edm.engine.shards import Shard, ShardError, read_shard, write_shard
from bdia_edm.engine.worker import Worker
from bdia_edm.errors import UserError
from bdia_edm.images import ImageFolder
from bdia_edm.metrics.detectors import Detector, distance_name
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.models.preconditioning import Denoiser
from bdia_edm.report.comparison import PREVIEW
from bdia_edm.report.pictures import write_grid
from bdia_edm.report.records import Record, read_record, write_record
from bdia_edm.resources import fetch_files, load_denoiser, load_detector, load_reference
from bdia_edm.samplers.denoising import BatchDenoiser

__all__ = ["GRID", "Run"]

GRID = "grid.png"

Say = Callable[[str], object]


@dataclass(frozen=True)
class Run:
    """A run whose every option has been checked and whose files have been read."""

    config: RunConfig
    command: str
    denoiser: Denoiser
    detector: Detector | None
    reference: ReferenceStatistics | None
    device: torch.device
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
        run = cls(config, command, denoiser, detector, reference, device, checksums)
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
                "device": self.device.type,
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

    def finish(self, say: Say) -> Record:
        """The run's record; what is not done yet is done first.

        Args:
            say: takes lines for the user.

        Raises:
            UserError: an image is not finite, or the disk does not take the results.
        """
        record = read_record(self.folder)
        images = ImageFolder(self.folder / "images", self.config.save_images)
        blocks = cut_into_blocks(self.config.seeds, self.config.block_size)
        shards = self.folder / "shards"
        kept = not self.config.keep_features or all(_shard_path(shards, block).is_file() for block in blocks)
        if record is not None and kept and all(images.holds(block) for block in blocks):
            say(f"done before: {self.folder}")
            return record
        try:
            shards.mkdir(parents=True, exist_ok=True)
            self._sample(blocks, shards, images, say)
            record = self._conclude(blocks, shards)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot write there: {error}; what is finished is kept") from error
        if not self.config.keep_features:
            shutil.rmtree(shards)
        say(f"written: {self.folder}")
        return record

    def _sample(self, blocks: list[Block], shards: Path, images: ImageFolder, say: Say) -> None:
        worker = Worker(
            denoiser=self.denoiser,
            sampler=self.config.sampler,
            detector=self.detector,
            device=self.device,
            batch_size=self.config.batch_size,
            class_idx=self.config.class_idx,
            keep_images=self.config.save_images != "none",
        )
        todo = [block for block in blocks if not (images.holds(block) and self._shard_is_good(shards, block, say))]
        total, left = len(self.config.seeds), sum(len(block.seeds) for block in todo)
        if left < total:
            say(f"resuming: {total - left} of {total} images are done")
        # Without a terminal a bar would fill a log file with lines.
        interval = 0.1 if sys.stderr.isatty() else 30
        title = f"{self.config.sampler.name} {self.config.sampler.num_steps} steps"
        with tqdm(total=total, initial=total - left, unit="images", desc=title, mininterval=interval) as bar:
            for block in todo:
                shard, pixels = worker.run(block, bar.update)
                if pixels is not None:
                    images.write(block, pixels, shard.labels)
                # Last: a block counts as finished when its shard is there.
                write_shard(_shard_path(shards, block), shard, self.identity)

    def _shard_is_good(self, shards: Path, block: Block, say: Say) -> bool:
        try:
            self._read(shards, block)
        except FileNotFoundError:
            return False
        except ShardError as error:
            say(f"{_shard_path(shards, block)}: {error}; made again")
            return False
        return True

    def _read(self, shards: Path, block: Block) -> Shard:
        return read_shard(_shard_path(shards, block), self.identity, len(block.seeds))

    def _conclude(self, blocks: list[Block], shards: Path) -> Record:
        """Reads the shards in block order, writes the pictures and, last, the record."""
        statistics = FeatureStatistics(self.detector.num_features) if self.detector is not None else None
        evaluations, seconds = 0, 0.0
        preview: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        for block in blocks:
            shard = self._read(shards, block)
            if statistics is not None:
                statistics.add(shard.features)
            preview.append(shard.preview)
            labels.append(shard.labels[: len(shard.preview)])
            evaluations += shard.evaluations
            seconds += shard.seconds
        shown = np.concatenate(preview)
        write_grid(self.folder / GRID, shown)
        partial = self.folder / f"{PREVIEW}.{os.getpid()}.partial"
        with partial.open("wb") as file:
            seeds = np.array(self.config.seeds[: len(shown)])
            np.savez(file, arr_0=shown, labels=np.concatenate(labels), seeds=seeds)
        partial.replace(self.folder / PREVIEW)
        metrics: dict[str, float] = {}
        if self.detector is not None and self.reference is not None and statistics is not None:
            metrics[distance_name(self.detector.name)] = self.reference.distance(statistics)
        num = len(self.config.seeds)
        record: Record = {
            "model": self.config.model.name,
            "sampler": {"name": self.config.sampler.name, **asdict(self.config.sampler)},
            "seeds": format_seeds(self.config.seeds),
            "class_idx": self.config.class_idx,
            "num_images": num,
            "nfe": _whole(evaluations / num),
            "detector": self.config.detector.name,
            "metrics": metrics,
            "images_per_second": num / seconds,
            "seconds": seconds,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "command": self.command,
            "device": _describe_device(self.device),
            "precision": describe_precision(cast(nn.Module, self.denoiser), self.device),
            "checksums": self.checksums,
            "versions": _versions(),
            "config": self.config.source,
        }
        write_record(self.folder, record)
        return record


def _shard_path(shards: Path, block: Block) -> Path:
    return shards / f"{block.index:05d}.npz"


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


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


def _describe_device(device: torch.device) -> dict[str, Any]:
    if device.type == "cuda":
        return {"type": "cuda", "name": torch.cuda.get_device_name(device)}
    return {"type": "cpu", "name": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("bdia_edm", "torch", "numpy", "scipy", "hydra-core", "torch-fidelity"):
        # From a checkout on the path, without an installation, a version can be unknown.
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
