"""Edits a block of images: inverts them under their classes, makes them again under others, and looks what they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.detector import Detector
from bdia_edm.engine.batch import to_uint8
from bdia_edm.engine.block_inverter import BlockInverter, InversionShard
from bdia_edm.engine.block_maker import BlockMaker
from bdia_edm.engine.plan import Block, format_seeds

__all__ = ["BlockEditor", "EditShard"]


@dataclass(frozen=True)
class EditShard(InversionShard):
    """The results of one block of n edited images, which stay when the record is written.

    Attributes:
        reconstructions: the edited images.
        new_labels: (n,) int64, the classes that they are to have.
        features: (n, F) float32, the detector's of the edited images; F = 0 without a detector.
        logits: (n, K) float32; K = 0 where the detector has none.
    """

    new_labels: NDArray[np.int64]
    features: NDArray[np.float32]
    logits: NDArray[np.float32]
    per_image: ClassVar[tuple[str, ...]] = (*InversionShard.per_image, "new_labels", "features", "logits")


@dataclass
class BlockEditor(BlockMaker[EditShard]):
    """What is needed for every block.

    Attributes:
        inverter: with the new classes.
        detector: on ``device``.
    """

    inverter: BlockInverter
    detector: Detector | None
    device: torch.device
    batch_size: int

    @torch.inference_mode()
    def make(self, block: Block, progress: Callable[[int], object]) -> tuple[EditShard, None]:
        """The block's shard, and no pixels beside it.

        Raises:
            UserError: as ``BlockInverter.make``, or the detector's features are not finite.
        """
        assert self.inverter.new_labels is not None
        self.inverter.batch_size = self.batch_size
        inverted, _ = self.inverter.make(block, progress)
        start = time.perf_counter()
        seen = self._seen(inverted)
        if not all(np.isfinite(values).all() for values in seen):
            raise UserError(f"images {format_seeds(block.seeds)}: the detector's features are not finite")
        known = {each.name: getattr(inverted, each.name) for each in fields(InversionShard)}
        known["seconds"] = inverted.seconds + time.perf_counter() - start
        new = self.inverter.new_labels[block.start : block.start + block.num]
        return EditShard(**known, new_labels=new, features=seen[0], logits=seen[1]), None

    def _seen(self, shard: InversionShard) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The detector's features and logits of the images."""
        num = len(shard.originals)
        if self.detector is None:
            return np.zeros((num, 0), np.float32), np.zeros((num, 0), np.float32)
        parts = [
            self.detector.with_logits(to_uint8(torch.from_numpy(shard.reconstructions[batch]).to(self.device)))
            for batch in (slice(first, first + self.batch_size) for first in range(0, num, self.batch_size))
        ]
        features, logits = (torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True))
        return features, logits
