"""The blocks of a run on disk: shards, and the images where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.lines import Say
from bdia_edm.base.whole_files import clear_partials_below
from bdia_edm.engine.plan import Block
from bdia_edm.engine.shards import BlockResults, ShardError, read_shard, write_shard
from bdia_edm.images.image_folder import ImageFolder
from bdia_edm.records.run_folder import RunFolder

__all__ = ["BlockFolder"]

R = TypeVar("R", bound=BlockResults)


@dataclass(frozen=True)
class BlockFolder(Generic[R]):
    """Where a run's blocks are.

    Attributes:
        folder: the run's.
        identity: the run's, which its shards carry.
        kind: of the results in the shards.
        save_images: 'none', 'npz' or 'png'.
    """

    folder: Path
    identity: str
    kind: type[R]
    save_images: str = "none"

    @property
    def shards(self) -> Path:
        """The shards' folder."""
        return RunFolder(self.folder).shards

    @property
    def images(self) -> ImageFolder:
        """The images' folder."""
        return ImageFolder(RunFolder(self.folder).images, self.save_images)

    def path(self, block: Block) -> Path:
        """The block's shard."""
        return RunFolder(self.folder).shard(block.index)

    def prepare(self) -> None:
        """Makes the folder, and clears it of what a killed process left half-written."""
        self.shards.mkdir(parents=True, exist_ok=True)
        clear_partials_below(self.folder)

    def found(self, blocks: Sequence[Block]) -> int:
        """How many images are there, by their files' names."""
        return sum(
            block.num for block in blocks if self.path(block).is_file() and self.images.holds(block.index, block.seeds)
        )

    def is_good(self, block: Block, say: Say) -> bool:
        """Whether the block is there, whole and this run's; says where it is not what it should be."""
        if not self.images.holds(block.index, block.seeds):
            return False
        try:
            self.read(block)
        except FileNotFoundError:
            return False
        except ShardError as error:
            say(f"{self.path(block)}: {error}; made again")
            return False
        return True

    def read(self, block: Block) -> R:
        """The block's shard; raises FileNotFoundError or ShardError."""
        return read_shard(self.path(block), self.identity, block.num, self.kind)

    def write(self, block: Block, shard: R, pixels: NDArray[np.uint8] | None) -> None:
        """Writes the block.

        Args:
            block: which.
            shard: its results.
            pixels: (n, H, W, C), where the images are asked for.
        """
        if pixels is not None:
            self.images.write(block.index, block.seeds, pixels, shard.labels)
        # Last: a block counts as finished when its shard is there.
        write_shard(self.path(block), shard, self.identity)
