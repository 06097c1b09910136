"""What a finished block of edited pictures leaves on disk, and what its pictures' figures come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["HIGHER_IS_BETTER", "PictureShard", "figures_of"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HIGHER_IS_BETTER = (
    "roundtrip_psnr",
    "roundtrip_vae_psnr",
    "vae_psnr",
    "outside_psnr",
    "outside_ssim",
    "clip_source",
    "clip_edit",
)


@dataclass(frozen=True)
class PictureShard:
    """The results of one block of n pictures; they stay when the record is written.

    Attributes:
        indices: (n,), the pictures' numbers.
        labels: (n,), -1.
        preview: (m, 4, H, W, 3) uint8, of those among the run's first few: the picture, what the autoencoder makes of
            it, the round trip, and the edit, which is the round trip where there is none.
        latent_squares: (n,), mean squares of the round trip's error in the latent.
        deviations: (n,), standard deviations of z_N.
        roundtrip_squares, roundtrip_most: (n,), of the round trip from the picture, in grey levels: the mean square
            and the largest difference.
        roundtrip_vae_squares, roundtrip_vae_most: the same from the autoencoder's reconstruction.
        vae_squares: of that reconstruction from the picture.
        structure_distance, outside_psnr, outside_ssim, outside_mse, clip_source, clip_edit: (n,), of the edit; NaN
            where it was not measured.
        evaluations_inverse, evaluations_roundtrip, evaluations_edit: (n,), of the network, counted; the last 0 where
            there is no edit.
        gradients: (n,), of the network.
        seconds_inverse, seconds_back: (n,), of the inversion with the autoencoder, and of the edit, or of the round
            trip where there is none.
        peak_memory: bytes.
    """

    indices: Integers
    labels: Integers
    preview: NDArray[np.uint8]
    latent_squares: Floats
    deviations: Floats
    roundtrip_squares: Floats
    roundtrip_most: Floats
    roundtrip_vae_squares: Floats
    roundtrip_vae_most: Floats
    vae_squares: Floats
    structure_distance: Floats
    outside_psnr: Floats
    outside_ssim: Floats
    outside_mse: Floats
    clip_source: Floats
    clip_edit: Floats
    evaluations_inverse: Integers
    evaluations_roundtrip: Integers
    evaluations_edit: Integers
    gradients: Integers
    seconds_inverse: Floats
    seconds_back: Floats
    peak_memory: int
    per_image: ClassVar[tuple[str, ...]] = ()


PictureShard.per_image = tuple(
    each.name for each in fields(PictureShard) if each.name not in ("preview", "peak_memory")
)


def figures_of(shards: Sequence[PictureShard]) -> dict[str, float]:
    """The figures of all pictures, added in their order: the same bits however they are cut into blocks.

    `roundtrip_latent_rms`: the root of the mean squared error in the latent.
    `roundtrip_psnr`, `roundtrip_max_grey`: of the round trip from the picture, in dB, of all pictures as one, and the
        largest difference in grey levels. No method can do much better than `vae_psnr`.
    `roundtrip_vae_psnr`, `roundtrip_vae_max_grey`: the same from the autoencoder's own reconstruction: the inversion's
        error alone; infinite and 0 where every pixel came back.
    `vae_psnr`: of the autoencoder's reconstruction from the picture.
    `latent_deviation`: the pictures' mean; noise has 1.
    `structure_distance`, `outside_psnr`, `outside_ssim`, `outside_mse`, `clip_source`, `clip_edit`: of the edit, where
        they were measured: means over the pictures, as in PIE-Bench.
    """
    found = {
        "roundtrip_latent_rms": math.sqrt(_mean(shards, "latent_squares")),
        "roundtrip_psnr": _psnr(_mean(shards, "roundtrip_squares")),
        "roundtrip_max_grey": _most(each.roundtrip_most for each in shards),
        "roundtrip_vae_psnr": _psnr(_mean(shards, "roundtrip_vae_squares")),
        "roundtrip_vae_max_grey": _most(each.roundtrip_vae_most for each in shards),
        "vae_psnr": _psnr(_mean(shards, "vae_squares")),
        "latent_deviation": _mean(shards, "deviations"),
    }
    for name in ("structure_distance", "outside_psnr", "outside_ssim", "outside_mse", "clip_source", "clip_edit"):
        values = np.concatenate([getattr(each, name) for each in shards])
        measured = values[~np.isnan(values)]
        if len(measured):
            found[name] = math.fsum(measured.tolist()) / len(measured)
    return found


def _mean(shards: Sequence[PictureShard], name: str) -> float:
    values = np.concatenate([getattr(each, name) for each in shards])
    return math.fsum(values.tolist()) / len(values)


def _most(parts: Iterable[Floats]) -> float:
    return float(max(each.max() for each in parts))


def _psnr(mean_square: float) -> float:
    return 10 * math.log10(255**2 / mean_square) if mean_square else math.inf
