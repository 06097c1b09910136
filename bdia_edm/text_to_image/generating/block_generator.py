"""Makes a block of seeds into pictures, one at a time, and looks at them: a picture has no neighbours in a batch.

A latent model's picture takes so long that a batch of several prompts gains little, and one by one a picture and what a
detector sees in it are the same bits for any block size and any number of workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.block_maker import BlockMaker
from bdia_edm.engine.block_sampler import PREVIEW
from bdia_edm.engine.device import says_out_of_memory
from bdia_edm.engine.plan import Block
from bdia_edm.engine.random_streams import RandomStreams
from bdia_edm.engine.shards import Shard
from bdia_edm.text_to_image.clip_score import ClipScore
from bdia_edm.text_to_image.generating.samplers import Made, PromptSampler

__all__ = ["BlockGenerator", "PictureShard", "num_shown"]

_SHOWN_PIXELS = 1 << 22


def num_shown(height: int, width: int) -> int:
    """How many pictures of a run are kept for its grid: 64 small ones, 16 of 512 pixels a side, 4 of 1024."""
    return min(max(_SHOWN_PIXELS // (height * width), 4), PREVIEW)


@dataclass(frozen=True)
class PictureShard(Shard):
    """The results of one block of n pictures.

    Attributes:
        labels: (n,) int64, the number of each picture's prompt.
        clip_scores: (n,) float64; (0,) without a CLIP network.
    """

    clip_scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    per_image: ClassVar[tuple[str, ...]] = Shard.per_image


@dataclass
class BlockGenerator(BlockMaker[PictureShard]):
    """What is needed for every block.

    Attributes:
        pipe: of diffusers, on ``device``.
        prompts: seed s has the one of number s modulo their number.
        shape: (C, h, w) of a latent.
        size: height and width of a picture.
        detector, clip: on ``device``; None where nobody looks.
        keep_images: whether ``run`` returns the pixels of all pictures.
        keep_logits: whether the shard holds the detector's logits.
    """

    pipe: Any
    sampler: PromptSampler
    prompts: Sequence[str]
    shape: tuple[int, int, int]
    size: tuple[int, int]
    device: torch.device
    detector: Detector | None = None
    clip: ClipScore | None = None
    keep_images: bool = False
    keep_logits: bool = False
    batch_size: int = 1

    def make(self, block: Block, progress: Callable[[int], object]) -> tuple[PictureShard, NDArray[np.uint8] | None]:
        """The block's shard, and its pictures (n, H, W, 3) where they are to be kept.

        Raises:
            UserError: a picture or its features are not finite (the message names the seed), or the memory is too
                small.
        """
        start = time.perf_counter()
        shown = num_shown(*self.size)
        kept: list[NDArray[np.uint8]] = []
        features: list[NDArray[np.float32]] = []
        logits: list[NDArray[np.float32]] = []
        scores: list[NDArray[np.float64]] = []
        evaluations = 0
        labels = np.array([seed % len(self.prompts) for seed in block.seeds], np.int64)
        for place, (seed, label) in enumerate(zip(block.seeds, labels.tolist(), strict=True)):
            made = self._made(seed, self.prompts[label])
            evaluations += made.evaluations
            seen = self._seen(made.picture)
            features.append(seen[0])
            logits.append(seen[1])
            if self.clip is not None:
                scores.append(self.clip(made.picture[None], [self.prompts[label]]))
            looked: list[NDArray[Any]] = [*seen, *scores[-1:]]
            if not all(np.isfinite(values).all() for values in looked):
                raise UserError(f"seeds {seed}: the detector's features, or CLIP's score, are not finite")
            if self.keep_images or block.start + place < shown:
                kept.append(made.picture)
            progress(1)
        pictures = np.stack(kept) if kept else np.zeros((0, *self.size, 3), np.uint8)
        shard = PictureShard(
            features=np.concatenate(features),
            logits=np.concatenate(logits),
            preview=pictures[: max(shown - block.start, 0)],
            labels=labels,
            evaluations=evaluations,
            seconds=time.perf_counter() - start,
            clip_scores=np.concatenate(scores) if scores else np.empty(0),
        )
        return shard, pictures if self.keep_images else None

    def _made(self, seed: int, prompt: str) -> Made:
        # Drawn on the CPU, so that a seed's noise is the same wherever the picture is made.
        noise = RandomStreams([seed], self.shape).latents()
        try:
            return self.sampler.make(self.pipe, prompt, noise)
        except UserError as error:
            raise UserError(f"seeds {seed}: {error}") from error
        except (RuntimeError, MemoryError) as error:
            if not says_out_of_memory(error):
                raise
            raise UserError(
                f"height={self.size[0]}, width={self.size[1]}: the device's memory does not hold a single picture; "
                "take low_memory=true, network_dtype=float16 or a smaller one"
            ) from error

    def _seen(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The detector's features (1, F) and logits (1, K) of a picture (H, W, 3)."""
        nothing = np.zeros((1, 0), np.float32)
        if self.detector is None:
            return nothing, nothing
        with torch.inference_mode():
            images = torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous().to(self.device)
            if not self.keep_logits:
                return self.detector(images).cpu().numpy(), nothing
            features, logits = self.detector.with_logits(images)
            return features.cpu().numpy(), logits.cpu().numpy()
