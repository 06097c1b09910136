"""The worker: samples a block of seeds batch by batch and takes features, all on the device.

Nothing is read back from the device until the block is done, so a GPU never waits for the host between batches. Where
a batch does not fit the device's memory, its block is made again in batches of half the size, and so are all later
ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.diagnosis import Bind, describe_first_fault
from bdia_edm.engine.plan import Block, format_seeds
from bdia_edm.engine.random_streams import RandomStreams
from bdia_edm.engine.shards import Shard
from bdia_edm.models.preconditioning import Denoiser
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import Sampler

__all__ = ["PREVIEW", "Worker", "sample_images", "to_uint8"]

PREVIEW = 64
"""How many images of a run are kept for its picture."""


def to_uint8(x: Tensor) -> Tensor:
    """Images in [-1, 1] to pixels 0..255: clip(x * 127.5 + 128, 0, 255), truncated."""
    return (x * 127.5 + 128).clip(0, 255).to(torch.uint8)


@torch.inference_mode()
def sample_images(
    denoiser: Denoiser,
    sampler: Sampler,
    seeds: Sequence[int],
    class_idx: int | None = None,
    device: torch.device | str = "cpu",
    bind: Bind = BatchDenoiser,
) -> tuple[Tensor, Tensor, int]:
    """One batch of images, each from its own seed.

    Args:
        denoiser: the network, on ``device``.
        sampler: how to sample.
        seeds: one per image.
        class_idx: the class of all images; None draws one for each where the network has classes.
        bind: makes what the sampler sees of the network; for those who watch it.

    Returns:
        The images (N, C, H, W) float64 in about [-1, 1], their class indices (N,) (-1: unconditional), and the
        number of evaluations of the denoiser per image, counted.
    """
    shape = (denoiser.img_channels, denoiser.img_resolution, denoiser.img_resolution)
    streams = RandomStreams(seeds, shape, device)
    latents = streams.latents()
    labels = torch.full((len(seeds),), -1, device=device)
    one_hot: Tensor | None = None
    if denoiser.label_dim:
        # Drawn even where the class is given, so that the noise after it is the same.
        labels = streams.labels(denoiser.label_dim)
        if class_idx is not None:
            labels = torch.full_like(labels, class_idx)
        one_hot = functional.one_hot(labels, denoiser.label_dim).to(torch.float32)
    counted = bind(denoiser, one_hot)
    images = sampler.sample(counted, latents, streams.noise)
    return images, labels, counted.nfe


Say = Callable[[str], object]


@dataclass
class Worker:
    """What a worker needs for every block.

    Attributes:
        denoiser, detector: on ``device``.
        batch_size: images sampled at once; halved where the device's memory does not hold them.
        keep_images: whether ``run`` returns the pixels of all images.
        keep_logits: whether the shard holds the detector's logits.
    """

    denoiser: Denoiser
    sampler: Sampler
    detector: Detector | None
    device: torch.device
    batch_size: int
    class_idx: int | None = None
    keep_images: bool = False
    keep_logits: bool = False

    def run(
        self, block: Block, progress: Callable[[int], object], say: Say = print
    ) -> tuple[Shard, NDArray[np.uint8] | None]:
        """The block's shard, and its images (n, H, W, C) where they are to be kept.

        Args:
            progress: called with the number of images of every batch; with a negative one where a block is begun
                again.
            say: takes lines for the user.

        Raises:
            UserError: an image is not finite (the message names the seeds and the step), its features are not, or the
                device's memory does not hold a batch of one.
        """
        while True:
            counted: list[int] = []

            def count(num: int, counted: list[int] = counted) -> None:
                counted.append(num)
                progress(num)

            try:
                return self._run(block, count)
            except RuntimeError as error:
                if not _says_out_of_memory(error):
                    raise
                if self.batch_size == 1:
                    raise UserError("batch_size=1: the device's memory does not hold a single image") from None
            # Only now, without the error that holds on to its tensors, is the memory free.
            self._halve(say)
            progress(-sum(counted))

    def _halve(self, say: Say) -> None:
        whole, self.batch_size = self.batch_size, self.batch_size // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        say(f"batch_size={whole}: more than the device's memory holds; going on with {self.batch_size}")

    @torch.inference_mode()
    def _run(self, block: Block, progress: Callable[[int], object]) -> tuple[Shard, NDArray[np.uint8] | None]:
        start = time.perf_counter()
        features: list[Tensor] = []
        logits: list[Tensor] = []
        pixels: list[Tensor] = []
        labels: list[Tensor] = []
        finite: list[Tensor] = []
        evaluations = 0
        for first in range(0, len(block.seeds), self.batch_size):
            seeds = block.seeds[first : first + self.batch_size]
            images, drawn, nfe = sample_images(self.denoiser, self.sampler, seeds, self.class_idx, self.device)
            evaluations += nfe * len(seeds)
            finite.append(images.isfinite().flatten(1).all(dim=1))
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
        shard = Shard(
            features=features_out,
            logits=logits_out,
            preview=images_out[: max(PREVIEW - block.start, 0)],
            labels=torch.cat(labels).cpu().numpy(),
            evaluations=evaluations,
            seconds=time.perf_counter() - start,
        )
        return shard, images_out if self.keep_images else None

    def _require_finite(self, block: Block, finite: Tensor) -> None:
        bad = [seed for seed, good in zip(block.seeds, finite.tolist(), strict=True) if not good]
        if bad:
            shown = format_seeds(bad[:8]) + (" and more" if len(bad) > 8 else "")
            first = int(finite.to(torch.uint8).argmin()) // self.batch_size * self.batch_size
            batch = block.seeds[first : first + self.batch_size]

            def sample(bind: Bind) -> Tensor:
                return sample_images(self.denoiser, self.sampler, batch, self.class_idx, self.device, bind)[0]

            fault = describe_first_fault(sample, self.sampler.num_steps)
            raise UserError(f"seeds {shown}: {len(bad)} of {len(finite)} images of the block are not finite; {fault}")


def _says_out_of_memory(error: RuntimeError) -> bool:
    """CUDA's libraries have words of their own for it, in errors of no type of their own."""
    return isinstance(error, torch.OutOfMemoryError) or "_ALLOC_FAILED" in str(error)
