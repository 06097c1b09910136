"""Strips of images between pairs of inverted ones, from the latents that a run of inversion keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bdia_edm.base.errors import UserError
from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.batch import to_uint8
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_inverter import InversionShard
from bdia_edm.engine.device import choose_device
from bdia_edm.engine.interpolation import angles, interpolate
from bdia_edm.engine.round_trip import from_uint8
from bdia_edm.engine.shards import ShardError
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.report.pictures import write_side_by_side
from bdia_edm.run.arithmetic import as_configured
from bdia_edm.run.loading import load_denoiser
from bdia_edm.run.run import InversionRun

__all__ = ["write_strips"]

# A picture of more is too narrow to be seen.
_MOST_COLUMNS = 25


@dataclass(frozen=True)
class _Inverted:
    """What the inversion kept of all images, those of pair p being 2p and 2p + 1.

    Attributes:
        originals: (n, H, W, C) uint8.
        states: (K, n, C, H, W) float64.
        labels, indices: (n,) int64.
    """

    originals: NDArray[np.uint8]
    states: Tensor
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]


def write_strips(run: InversionRun, frames: int) -> dict[str, Any]:
    """Makes the strips of a finished run, its images taken in pairs in their order, and writes them beside its record.

    The network works where the images were inverted, in batches of the run's ``batch_size``.

    Args:
        run: of an even number of images.
        frames: images of a strip, the weights being even from 0 to 1.

    Returns:
        What is said of them, in values that JSON takes: where they are; the evaluations per image between; and for
        each pair the angle between the latents, in degrees, and the RMS differences of the two ends from their
        originals and of every image from the one before, in states, whose range is 2.

    Raises:
        UserError: a shard of the run is damaged, or an image between is not finite.
    """
    found = _read(run)
    weights = torch.linspace(0, 1, frames, dtype=torch.float64)
    folder = RunFolder(run.folder).strips(frames)
    picture, arrays = folder / "interpolation.png", folder / "interpolation.npz"
    originals = from_uint8(torch.from_numpy(found.originals)).permute(0, 3, 1, 2)
    degrees = angles(found.states[0, ::2], found.states[0, 1::2]).rad2deg().tolist()
    strips: list[NDArray[np.uint8]] = []
    pairs: list[dict[str, Any]] = []
    nfe = 0
    for made, evaluations in _strips(run, found, weights):
        nfe = evaluations  # of every strip the same
        at = slice(2 * len(strips), 2 * len(strips) + 2)
        indices, labels = found.indices[at].tolist(), found.labels[at].tolist()
        if not made.isfinite().all():
            advice = "take fewer steps, or with sampler=bdia a gamma nearer to 1"
            raise UserError(f"images {indices[0]} and {indices[1]}: an image between them is not finite; {advice}")
        pairs.append(
            {
                "indices": indices,
                "labels": labels,
                "angle": degrees[len(strips)],
                "end_errors": _rms(made[[0, -1]] - originals[at]),
                "distances": _rms(made.diff(dim=0)),
            }
        )
        strips.append(to_uint8(made).permute(0, 2, 3, 1).numpy())
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(arrays) as partial, partial.open("wb") as file:
        ends = {name: getattr(found, name).reshape(-1, 2) for name in ("indices", "labels")}
        np.savez(file, arr_0=np.concatenate(strips), weights=weights.numpy(), **ends)
    columns = np.linspace(0, frames - 1, min(frames, _MOST_COLUMNS)).round().astype(int)
    rows = [(_name(pair), strip[columns]) for pair, strip in zip(pairs, strips, strict=True)]
    write_side_by_side(picture, rows, f"{run.config.model.name}, between images by the {run.title}")
    return {
        "model": run.config.model.name,
        "sampler": run.title,
        "folder": str(run.folder),
        "picture": str(picture),
        "strips": str(arrays),
        "frames": frames,
        "nfe": nfe,
        "largest_distance": max(max(pair["distances"]) for pair in pairs),
        "pairs": pairs,
    }


def _read(run: InversionRun) -> _Inverted:
    folder = BlockFolder(run.folder, run.identity, InversionShard)
    shards: list[InversionShard] = []
    for block in run.blocks:
        try:
            shards.append(folder.read(block))
        except ShardError as error:
            raise UserError(f"{folder.path(block)}: {error}; remove it, and it is made again") from error
    originals, states, labels, indices = (
        np.concatenate([getattr(shard, name) for shard in shards])
        for name in ("originals", "states", "labels", "indices")
    )
    return _Inverted(originals, torch.from_numpy(states).transpose(0, 1), labels, indices)


def _strips(run: InversionRun, found: _Inverted, weights: Tensor) -> Iterator[tuple[Tensor, int]]:
    """The images (frames, C, H, W) between each pair, on the CPU, and the evaluations per image."""
    # The run's own may stand on the CPU, where other processes did the work.
    device = choose_device(run.config.device)
    denoiser = run.denoiser
    if device != run.device:
        loaded, _ = load_denoiser(run.config.model, device)
        denoiser, _ = as_configured(loaded, run.config, device, device.type, len(run.indices))
    frames, labels = len(weights), _one_hot(found.labels, denoiser)
    made = torch.empty(0, *found.states.shape[2:], dtype=torch.float64)
    for numbers in torch.arange(len(found.indices) // 2 * frames).split(run.config.images_at_once):
        start = numbers // frames * 2
        images, nfe = interpolate(
            denoiser,
            run.config.sampler,
            found.states[:, start].to(device),
            found.states[:, start + 1].to(device),
            weights[numbers % frames].to(device),
            None if labels is None else labels[start].to(device),
            None if labels is None else labels[start + 1].to(device),
        )
        made = torch.cat([made, images.cpu()])
        while len(made) >= frames:
            yield made[:frames], nfe
            made = made[frames:]


def _one_hot(labels: NDArray[np.int64], denoiser: Denoiser) -> Tensor | None:
    if not denoiser.label_dim:
        return None
    return functional.one_hot(torch.from_numpy(labels), denoiser.label_dim).to(torch.float32)


def _rms(differences: Tensor) -> list[float]:
    """The root mean square of each of (n, C, H, W)."""
    return [float(each) for each in differences.square().flatten(1).mean(dim=1).sqrt()]


def _name(pair: dict[str, Any]) -> str:
    """A row's: its ends, with their classes where there are some."""
    ends = zip(pair["indices"], pair["labels"], strict=True)
    first, last = (f"{index}" if label < 0 else f"{index} (class {label})" for index, label in ends)
    return f"{first}\nto {last}"
