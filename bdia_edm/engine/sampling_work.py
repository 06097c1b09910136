"""The work of sampling, in the form in which workers share it: blocks of seeds become shards in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bdia_edm.base.lines import Say
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.plan import Block
from bdia_edm.engine.shards import Shard

__all__ = ["SamplingWork"]


@dataclass(frozen=True)
class SamplingWork:
    """The blocks of a run, to be made and found (``bdia_edm.workers.sharing.Work``).

    Attributes:
        title: the run in a few words.
        blocks: all of the run's.
        folder: where they are kept.
        sampler: makes them; keeps the images' pixels where the folder takes images.
    """

    title: str
    blocks: Sequence[Block]
    folder: BlockFolder
    sampler: BlockSampler
    unit: ClassVar[str] = "images"

    @property
    def identity(self) -> str:
        """The run's."""
        return self.folder.identity

    def prepare(self) -> None:
        """Makes the folder, and clears it of what a killed process left half-written."""
        self.folder.prepare()

    def found(self) -> int:
        """How many images are there, by their files' names."""
        return self.folder.found(self.blocks)

    def is_good(self, block: Block, say: Say) -> bool:
        """Whether the block is there, whole and this run's; says where it is not what it should be."""
        return self.folder.is_good(block, say)

    def make(self, block: Block, progress: Callable[[int], object], say: Say) -> Shard:
        """Samples the block and writes it.

        Raises:
            UserError: as ``BlockSampler.run``.
            OSError: the folder cannot be written.
        """
        shard, pixels = self.sampler.run(block, progress, say)
        self.folder.write(block, shard, pixels)
        return shard

    def read(self, block: Block) -> Shard:
        """The block's shard; raises FileNotFoundError or DamagedError."""
        return self.folder.read(block)

    def where(self, block: Block) -> str:
        """The shard's path."""
        return str(self.folder.path(block))
