"""A run's blocks of edited pictures on disk: shards, PNGs, and the inverted pairs where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bdia_edm.base.lines import Say
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.plan import Block
from bdia_edm.text_to_image.edits.shard import PictureShard

__all__ = ["PictureFolder"]


@dataclass(frozen=True)
class PictureFolder(BlockFolder[PictureShard]):
    """Where they are.

    Attributes:
        keeps_inverted: whether a block counts as finished with its pairs only.
    """

    keeps_inverted: bool = False

    def inverted_path(self, number: int) -> Path:
        """The file of an inverted picture."""
        return self.folder / "inverted" / f"{number:06d}.safetensors"

    def has(self, block: Block) -> bool:
        """Whether all files of the block are there, by their names."""
        kept = not self.keeps_inverted or all(self.inverted_path(number).is_file() for number in block.seeds)
        return kept and self.path(block).is_file() and self.images.holds(block.index, block.seeds)

    def found(self, blocks: Sequence[Block]) -> int:
        return sum(block.num for block in blocks if self.has(block))

    def is_good(self, block: Block, say: Say) -> bool:
        return self.has(block) and super().is_good(block, say)
