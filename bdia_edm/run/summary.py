"""The end of a run: its shards, read one after the other in block order, become pictures, metrics and the record."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from bdia_edm.base.versions import installed_versions
from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.plan import format_seeds
from bdia_edm.engine.precision import describe_precision
from bdia_edm.engine.shards import Shard
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.statistics import FeatureStatistics
from bdia_edm.records.record import Record, write_record
from bdia_edm.report.comparison import PREVIEW
from bdia_edm.report.pictures import write_grid

if TYPE_CHECKING:
    from bdia_edm.run.run import Run

__all__ = ["GRID", "conclude"]

GRID = "grid.png"


def conclude(run: Run, shards: Iterable[Shard], workers: int) -> Record:
    """Writes the pictures and, last, the record.

    Args:
        shards: in block order; no more than one is in memory at a time.
        workers: how many there were at the end. The record's seconds are the sum of what each worked.
    """
    statistics = FeatureStatistics(run.detector.num_features) if run.detector is not None else None
    evaluations, seconds = 0, 0.0
    preview: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for shard in shards:
        if statistics is not None:
            statistics.add(shard.features)
        if len(shard.preview):
            preview.append(shard.preview)
            labels.append(shard.labels[: len(shard.preview)])
        evaluations += shard.evaluations
        seconds += shard.seconds
    shown = np.concatenate(preview)
    write_grid(run.folder / GRID, shown)
    _write_preview(run.folder / PREVIEW, shown, np.concatenate(labels), np.array(run.config.seeds[: len(shown)]))
    metrics: dict[str, float] = {}
    if run.detector is not None and run.reference is not None and statistics is not None:
        metrics[run.detector.distance_name] = frechet_distance(
            *statistics.mean_and_covariance(), run.reference.mean, run.reference.covariance
        )
    num = len(run.config.seeds)
    record: Record = {
        "model": run.config.model.name,
        "sampler": {"name": run.config.sampler.name, **asdict(run.config.sampler)},
        "seeds": format_seeds(run.config.seeds),
        "class_idx": run.config.class_idx,
        "num_images": num,
        "nfe": _whole(evaluations / num),
        "detector": run.config.detector.name,
        "metrics": metrics,
        "workers": workers,
        "images_per_second": num / seconds,
        "seconds": seconds,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": run.command,
        "device": _describe_device(run.device),
        "precision": describe_precision(cast(nn.Module, run.denoiser), run.device),
        "checksums": run.checksums,
        "versions": installed_versions("torch", "numpy", "scipy", "hydra-core", "torch-fidelity"),
        "config": run.config.source,
    }
    write_record(run.folder, record)
    return record


def _write_preview(path: Path, images: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> None:
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, arr_0=images, labels=labels, seeds=seeds)


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


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
