"""The work of a run, in the form in which workers share it: its blocks become shards in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from bdia_edm.base.lines import Say
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_maker import BlockMaker
from bdia_edm.engine.plan import Block
from bdia_edm.engine.shards import BlockResults

__all__ = ["BlockWork"]

R = TypeVar("R", bound=BlockResults)


@dataclass(frozen=True)
class BlockWork(Generic[R]):
    """The blocks of a run, to be made and found (``bdia_edm.workers.sharing.Work``).

    Attributes:
        title: the run in a few words.
        blocks: all of the run's.
        folder: where they are kept.
        maker: makes them; gives the images' pixels too where the folder takes images.
    """

    title: str
    blocks: Sequence[Block]
    folder: BlockFolder[R]
    maker: BlockMaker[R]
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

    def make(self, block: Block, progress: Callable[[int], object], say: Say) -> Callable[[], R]:
        """Makes the block; what it returns writes it, gives its results, and raises OSError where it cannot.

        Raises:
            UserError: as ``BlockMaker.run``.
        """
        results, pixels = self.maker.run(block, progress, say)

        def write() -> R:
            self.folder.write(block, results, pixels)
            return results

        return write

    def read(self, block: Block) -> R:
        """The block's shard; raises FileNotFoundError or DamagedError."""
        return self.folder.read(block)

    def where(self, block: Block) -> str:
        """The shard's path."""
        return str(self.folder.path(block))
