"""The end of a run: its shards, read one after the other in block order, become pictures, metrics and the record."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch

from bdia_edm.base.urls import without_secrets, without_secrets_in
from bdia_edm.base.versions import installed_versions
from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.plan import format_seeds
from bdia_edm.engine.precision import describe_precision
from bdia_edm.engine.shards import Shard
from bdia_edm.images.grids import write_grid
from bdia_edm.metrics.metric import Metric
from bdia_edm.records.record import Labels, Record, write_record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.uncertainty import KeptUncertainty, write_uncertainty
from bdia_edm.run.encoders import Encoder, Found, Measurement, all_found
from bdia_edm.run.run import ARITHMETIC, AnyRun, ModelRun

__all__ = ["RECORDED", "AlsoMeasured", "Labelled", "describe_device", "facts_of", "finish_record", "labels_of"]
__all__ += ["model_facts", "summarize", "whole"]

RECORDED = ("torch", "numpy", "scipy", "hydra-core", "torch-fidelity", "scikit-image")
"""Whose versions a record has."""

S = TypeVar("S", bound=Shard)
S_contra = TypeVar("S_contra", bound=Shard, contravariant=True)


class Labelled(Protocol):
    """What says how it is called in tables: a sampler, or what makes images in its place."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, str | float | bool | None]: ...
    @property
    def is_baseline(self) -> bool: ...
    def options(self) -> dict[str, Any]: ...


class AlsoMeasured(Protocol[S_contra]):
    """What is measured of images beside detectors' features."""

    def add(self, shard: S_contra) -> None:
        """Takes one, in block order."""

    def found(self) -> Found:
        """All figures."""


def summarize(
    shards: Iterable[S],
    folder: Path,
    *,
    seeds: Sequence[int],
    sampler: Labelled,
    encoders: Sequence[Encoder],
    metrics: Sequence[Metric],
    facts: Mapping[str, Any],
    again: Callable[[], Iterable[S]] | None = None,
    also: Sequence[AlsoMeasured[S]] = (),
) -> Record:
    """Writes the pictures, what the intervals of distances are computed from and, last, the record.

    Args:
        shards: in block order; no more than one is in memory at a time, but for what a metric needs of it.
        folder: the run's.
        seeds: one for every image, in order.
        sampler: says how it is called in tables.
        encoders: none where nothing is measured.
        metrics: what is measured of the detectors' features.
        facts: what else the record holds, 'model' among it.
        again: reads the shards once more; without it distances have no uncertainty.
        also: measures beside the detectors.

    Raises:
        UserError: a metric needs what no detector gives, or two give a figure of the same name.
    """
    measurement = Measurement(encoders, metrics)
    evaluations, seconds = 0, 0.0
    preview: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for shard in shards:
        measurement.add(shard)
        for each in also:
            each.add(shard)
        if len(shard.preview):
            preview.append(shard.preview)
            labels.append(shard.labels[: len(shard.preview)])
        evaluations += shard.evaluations
        seconds += shard.seconds
        del shard
    found = all_found([measurement.found(again), *(each.found() for each in also)])
    if found.kept:
        write_uncertainty(folder, KeptUncertainty(format_seeds(seeds), found.kept))
    shown = np.concatenate(preview)
    write_grid(RunFolder(folder).grid, shown)
    _write_preview(RunFolder(folder).preview, shown, np.concatenate(labels), np.array(seeds[: len(shown)]))
    said = {"metrics": found.figures, **found.facts}
    return finish_record(folder, seeds, sampler, evaluations, seconds, {**said, **facts})


def finish_record(
    folder: Path,
    items: Sequence[int],
    sampler: Labelled,
    evaluations: int,
    seconds: float,
    facts: Mapping[str, Any],
) -> Record:
    """Writes a run's record.

    Args:
        folder: the run's.
        items: what stands for each image, in order.
        sampler: says how it is called in tables.
        evaluations: of the denoiser, summed over the images.
        seconds: what making them took, summed over all workers.
        facts: what else the record holds; instead of what is written here, where it has the same name.
    """
    record = {
        "sampler": {"name": sampler.name, **sampler.options()},
        "labels": labels_of(sampler),
        "seeds": format_seeds(items),
        "num_images": len(items),
        "nfe": whole(evaluations / len(items)),
        "images_per_second": len(items) / seconds,
        "device_seconds": seconds,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": installed_versions(*RECORDED),
        **facts,
    }
    written = cast(Record, record)
    write_record(folder, written)
    return written


def facts_of(run: AnyRun) -> dict[str, Any]:
    """What the record of a run of any kind says of it."""
    return {
        "task": run.task,
        "command": without_secrets(run.command),
        "device": describe_device(run.device),
        "checksums": run.checksums,
        "config": without_secrets_in(run.config.source),
        "arithmetic": ARITHMETIC,
    }


def model_facts(run: ModelRun) -> dict[str, Any]:
    """What it says of a run of a denoiser and a sampler."""
    return {
        **facts_of(run),
        "model": run.config.model.name,
        "class_idx": run.config.class_idx,
        "precision": describe_precision(run.denoiser, run.device),
    }


def labels_of(sampler: Labelled) -> Labels:
    """How the sampler calls itself."""
    return {
        "sampler": sampler.label,
        "title": sampler.title or sampler.name,
        "columns": dict(sampler.columns),
        "is_baseline": sampler.is_baseline,
    }


def describe_device(device: torch.device) -> dict[str, Any]:
    """The device in a record: its type and name; of a CPU also the machine's cores."""
    if device.type == "cuda":
        return {"type": "cuda", "name": torch.cuda.get_device_name(device)}
    return {"type": "cpu", "name": _processor(), "cores": os.cpu_count()}


def _write_preview(path: Path, images: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> None:
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, arr_0=images, labels=labels, seeds=seeds)


def whole(number: float) -> int | float:
    """A whole number as such."""
    return int(number) if number == int(number) else number


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
