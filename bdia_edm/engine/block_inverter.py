"""Inverts a block of images batch by batch, and makes them again; each batch's states leave the device with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_maker import BlockMaker
from bdia_edm.engine.plan import Block, format_seeds
from bdia_edm.engine.round_trip import Edit, from_uint8, round_trip
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.inversion import InvertibleSampler

__all__ = ["BlockInverter", "Images", "InversionShard", "as_states"]


class Images(Protocol):
    """Where the images are."""

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """These of them, (n, H, W, C)."""


@dataclass(frozen=True)
class InversionShard:
    """The results of one block of n inverted images, which stay when the record is written.

    Attributes:
        originals: (n, H, W, C) uint8.
        states: (n, K, C, H, W) float64 at noise level ``level``: the latents and, where K = 2, their partners, which
            an exact way back needs.
        reconstructions: (n, C, H, W) float64, about in [-1, 1]: what the way back made of them.
        labels: (n,) int64 class indices, -1 for an unconditional network.
        indices: (n,) int64, the numbers of the images.
        level: the noise level of the states.
        evaluations_inverse: of the denoiser on the way up, summed over the images.
        evaluations: of both ways.
        seconds: what both took.
    """

    originals: NDArray[np.uint8]
    states: NDArray[np.float64]
    reconstructions: NDArray[np.float64]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    level: float
    evaluations_inverse: int
    evaluations: int
    seconds: float
    per_image: ClassVar[tuple[str, ...]] = ("originals", "states", "reconstructions", "labels", "indices")


@dataclass
class BlockInverter(BlockMaker[InversionShard]):
    """What is needed for every block.

    Attributes:
        denoiser: on ``device``.
        images: a block's seeds are their numbers.
        labels: the class of every image of the run, in the run's order; -1 for an unconditional network.
        iterations: fixed-point iterations of every step, where the inverse is not exact.
        new_labels: of an edit the class that each of them is to have.
        step, keeps_partner: of an edit, see ``Edit``.
    """

    denoiser: Denoiser
    sampler: InvertibleSampler
    images: Images
    labels: NDArray[np.int64]
    device: torch.device
    batch_size: int
    iterations: int = 0
    new_labels: NDArray[np.int64] | None = None
    step: int = 0
    keeps_partner: bool = True

    @torch.inference_mode()
    def make(self, block: Block, progress: Callable[[int], object]) -> tuple[InversionShard, None]:
        """The block's shard, and no pixels beside it.

        Raises:
            UserError: a latent or an image made again is not finite (the message names the images), or an image cannot
                be read.
        """
        start = time.perf_counter()
        pixels = self.images.read(block.seeds)
        labels = self.labels[block.start : block.start + block.num]
        states: list[Tensor] = []
        made: list[Tensor] = []
        level, up, both = 0.0, 0, 0
        for first in range(0, block.num, self.batch_size):
            batch = slice(first, first + self.batch_size)
            x = from_uint8(torch.from_numpy(pixels[batch]).permute(0, 3, 1, 2).contiguous().to(self.device))
            edit = self._edit(slice(block.start + first, block.start + first + len(x)))
            found = round_trip(self.denoiser, self.sampler, x, self._one_hot(labels[batch]), self.iterations, edit)
            states.append(found.states.transpose(0, 1).cpu())
            made.append(found.reconstructions.cpu())
            level, up, both = found.level, up + found.nfe_inverse * len(x), both + found.nfe * len(x)
            progress(len(x))
        shard = InversionShard(
            originals=pixels,
            states=torch.cat(states).contiguous().numpy(),
            reconstructions=torch.cat(made).contiguous().numpy(),
            labels=labels,
            indices=np.array(block.seeds, dtype=np.int64),
            level=level,
            evaluations_inverse=up,
            evaluations=both,
            seconds=time.perf_counter() - start,
        )
        self._require_finite(shard)
        return shard, None

    def _edit(self, batch: slice) -> Edit | None:
        if self.new_labels is None:
            return None
        labels = self._one_hot(self.new_labels[batch])
        assert labels is not None  # networks without classes are not edited
        return Edit(labels, self.step, self.keeps_partner)

    def _one_hot(self, labels: NDArray[np.int64]) -> Tensor | None:
        if not self.denoiser.label_dim:
            return None
        classes = torch.from_numpy(labels).to(self.device)
        return functional.one_hot(classes, self.denoiser.label_dim).to(torch.float32)

    def _require_finite(self, shard: InversionShard) -> None:
        for what, values in (("latents", shard.states), ("images made again", shard.reconstructions)):
            bad = shard.indices[~np.isfinite(values).reshape(len(values), -1).all(axis=1)].tolist()
            if bad:
                shown = format_seeds(bad[:8]) + (" and more" if len(bad) > 8 else "")
                raise UserError(
                    f"images {shown}: {len(bad)} of {len(values)} {what} of the block are not finite; take fewer "
                    f"steps, or with sampler=bdia a gamma nearer to 1"
                )


def as_states(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Pixels (n, H, W, C) as images (n, C, H, W), about in [-1, 1]."""
    return from_uint8(torch.from_numpy(pixels)).permute(0, 3, 1, 2).numpy()
