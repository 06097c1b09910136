"""Samples a block of seeds batch by batch and takes features, all on the device.

Nothing is copied to the device or read back from it until the block is done, so a GPU never waits for the host between
batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.batch import sample_images, to_uint8
from bdia_edm.engine.block_maker import BlockMaker
from bdia_edm.engine.diagnosis import describe_first_fault
from bdia_edm.engine.fine_solution import fine_solution
from bdia_edm.engine.plan import Block, format_seeds
from bdia_edm.engine.shards import Shard
from bdia_edm.models.denoiser import Denoiser
from bdia_edm.samplers.sampler import Sampler

__all__ = ["PREVIEW", "BlockSampler"]

PREVIEW = 64
"""How many images of a run are kept for its picture."""


@dataclass
class BlockSampler(BlockMaker[Shard]):
    """What is needed for every block.

    Attributes:
        denoiser, detector: on ``device``.
        batch_size: images sampled at once; halved where the device's memory does not hold them.
        keep_images: whether ``run`` returns the pixels of all images.
        keep_logits: whether the shard holds the detector's logits.
        keep_ode_errors: whether it holds the images' distances from the ODE's fine solutions.
    """

    denoiser: Denoiser
    sampler: Sampler
    detector: Detector | None
    device: torch.device
    batch_size: int
    class_idx: int | None = None
    keep_images: bool = False
    keep_logits: bool = False
    keep_ode_errors: bool = False

    @torch.inference_mode()
    def make(self, block: Block, progress: Callable[[int], object]) -> tuple[Shard, NDArray[np.uint8] | None]:
        """The block's shard, and its images (n, H, W, C) where they are to be kept.

        Raises:
            UserError: an image is not finite (the message names the seeds and the step), or its features are not.
        """
        start = time.perf_counter()
        features: list[Tensor] = []
        logits: list[Tensor] = []
        pixels: list[Tensor] = []
        labels: list[Tensor] = []
        finite: list[Tensor] = []
        states: list[Tensor] = []
        evaluations = 0
        for first in range(0, len(block.seeds), self.batch_size):
            seeds = block.seeds[first : first + self.batch_size]
            images, drawn, nfe = sample_images(self.denoiser, self.sampler, seeds, self.class_idx, self.device)
            evaluations += nfe * len(seeds)
            finite.append(images.isfinite().flatten(1).all(dim=1))
            if self.keep_ode_errors:
                states.append(images)
            batch = to_uint8(images)
            labels.append(drawn)
            if self.detector is not None and self.keep_logits:
                for taken, values in zip((features, logits), self.detector.with_logits(batch), strict=True):
                    taken.append(values)
            elif self.detector is not None:
                features.append(self.detector(batch))
            if self.keep_images:
                pixels.append(batch)
            elif block.start + first < PREVIEW:
                pixels.append(batch[: PREVIEW - block.start - first])
            if not self.keep_ode_errors:
                progress(len(seeds))
        self._require_finite(block, torch.cat(finite).cpu())
        height = self.denoiser.img_resolution
        images_out = np.zeros((0, height, height, self.denoiser.img_channels), np.uint8)
        if pixels:
            images_out = torch.cat(pixels).permute(0, 2, 3, 1).cpu().contiguous().numpy()
        features_out, logits_out = (
            torch.cat(taken).cpu().numpy() if taken else np.zeros((len(block.seeds), 0), np.float32)
            for taken in (features, logits)
        )
        if not (np.isfinite(features_out).all() and np.isfinite(logits_out).all()):
            raise UserError(f"seeds {format_seeds(block.seeds)}: the detector's features are not finite")
        seconds = time.perf_counter() - start
        shard = Shard(
            features=features_out,
            logits=logits_out,
            preview=images_out[: max(PREVIEW - block.start, 0)],
            labels=torch.cat(labels).cpu().numpy(),
            evaluations=evaluations,
            seconds=seconds,
            # Only now: it is no part of what the sampler takes.
            ode_errors=self._ode_errors(block, states, progress),
        )
        return shard, images_out if self.keep_images else None

    def _ode_errors(self, block: Block, states: list[Tensor], progress: Callable[[int], object]) -> NDArray[np.float64]:
        """Mean squares over each image's pixels of its difference from the ODE's solution; (0,) of no states."""
        errors: list[Tensor] = []
        for place, images in enumerate(states):
            seeds = block.seeds[place * self.batch_size : (place + 1) * self.batch_size]
            fine = fine_solution(self.denoiser, self.sampler, seeds, self.class_idx, self.device)
            errors.append((images - fine).square().flatten(1).mean(dim=1))
            progress(len(seeds))
        return torch.cat(errors).cpu().numpy() if errors else np.empty(0)

    def _require_finite(self, block: Block, finite: Tensor) -> None:
        bad = [seed for seed, good in zip(block.seeds, finite.tolist(), strict=True) if not good]
        if bad:
            shown = format_seeds(bad[:8]) + (" and more" if len(bad) > 8 else "")
            first = int(finite.to(torch.uint8).argmin()) // self.batch_size * self.batch_size
            batch = block.seeds[first : first + self.batch_size]
            fault = describe_first_fault(self.denoiser, self.sampler, batch, self.class_idx, self.device)
            raise UserError(f"seeds {shown}: {len(bad)} of {len(finite)} images of the block are not finite; {fault}")
