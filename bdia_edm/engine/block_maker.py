"""What makes a block in batches, in smaller ones where the device's memory does not hold them.

Where a batch does not fit, its block is made again in batches of half the size, and so are all later ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say
from bdia_edm.engine.device import says_out_of_memory
from bdia_edm.engine.plan import Block
from bdia_edm.engine.shards import BlockResults

__all__ = ["BlockMaker"]

R = TypeVar("R", bound=BlockResults)


class BlockMaker(ABC, Generic[R]):
    """Makes blocks; a subclass says how.

    Attributes:
        device: where.
        batch_size: images made at once; halved where the device's memory does not hold them.
    """

    device: torch.device
    batch_size: int

    @abstractmethod
    def make(self, block: Block, progress: Callable[[int], object]) -> tuple[R, NDArray[np.uint8] | None]:
        """The block's results, and the pixels (n, H, W, C) of its images where those are to be kept.

        Args:
            block: which.
            progress: called with the number of images of every batch.
        """

    def run(self, block: Block, progress: Callable[[int], object], say: Say) -> tuple[R, NDArray[np.uint8] | None]:
        """``make`` in batches that the memory holds.

        Args:
            progress: called with the number of images of every batch; with a negative one where a block is begun
                again.
            say: takes lines for the user.

        Raises:
            UserError: as ``make``, or the device's memory does not hold a batch of one.
        """
        while True:
            counted: list[int] = []

            def count(num: int, counted: list[int] = counted) -> None:
                counted.append(num)
                progress(num)

            try:
                return self.make(block, count)
            except (RuntimeError, MemoryError) as error:
                if not says_out_of_memory(error):
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
