"""The ways of a run's images through the noise levels, as a picture and as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.denoised_way import DenoisedWay, denoised_way
from bdia_edm.engine.plan import format_seeds
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.report.way_pictures import write_ways
from bdia_edm.run.run import Run

__all__ = ["write_ways_of"]


def write_ways_of(run: Run) -> dict[str, Any]:
    """Samples the run's images, keeps every state, and writes them to the run's folder; there is no record of it.

    Returns:
        What is said of them, in values that JSON takes: where they are, the noise levels, the evaluations per image,
        and the seeds whose image is not finite.
    """
    config, folder, size = run.config, RunFolder(run.folder), run.config.images_at_once
    ways = [
        denoised_way(run.denoiser, config.sampler, config.seeds[first : first + size], config.class_idx, run.device)
        for first in range(0, len(config.seeds), size)
    ]
    levels = ways[0].levels
    states, denoised = (_joined(ways, name) for name in ("states", "denoised"))
    labels = torch.cat([way.labels for way in ways]).tolist()
    folder.path.mkdir(parents=True, exist_ok=True)
    with written_whole(folder.way_arrays) as partial, partial.open("wb") as file:
        arrays: dict[str, Any] = {"states": states.astype(np.float32), "denoised": denoised.astype(np.float32)}
        np.savez(file, levels=np.array(levels), seeds=np.array([*config.seeds]), labels=np.array(labels), **arrays)
    seeds = list(config.seeds)
    names = [
        f"seed {seed}" if label < 0 else f"seed {seed} (class {label})"
        for seed, label in zip(seeds, labels, strict=True)
    ]
    write_ways(
        folder.way, levels, states, denoised, names, f"{config.model.name}, the way of {run.title}, NFE {ways[0].nfe}"
    )
    finite = np.isfinite(states[-1]).all(axis=(1, 2, 3))
    return {
        "model": config.model.name,
        "sampler": run.title,
        "seeds": format_seeds(config.seeds),
        "labels": labels,
        "folder": str(run.folder),
        "picture": str(folder.way),
        "arrays": str(folder.way_arrays),
        "nfe": ways[0].nfe,
        "levels": levels,
        "not_finite": [seed for seed, good in zip(seeds, finite.tolist(), strict=True) if not good],
    }


def _joined(ways: list[DenoisedWay], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return torch.cat([getattr(way, name) for way in ways], dim=1).numpy()
