"""Sampled images on disk: one npz for each block, or one PNG for each image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.plan import Block
from bdia_edm.report.pictures import save_png

__all__ = ["ImageFolder"]

_PER_FOLDER = 1000


@dataclass(frozen=True)
class ImageFolder:
    """Where a run's images go.

    Attributes:
        path: the folder, made when the first images come.
        kind: 'npz' (images `arr_0` (n, H, W, C) uint8, with `labels` and `seeds`), 'png' (named by their seeds, a
            thousand to a folder), or 'none'.
    """

    path: Path
    kind: str

    def holds(self, block: Block) -> bool:
        """Whether the block's images are there."""
        if self.kind == "none":
            return True
        if self.kind == "npz":
            return self._npz(block).is_file()
        return all(self._png(seed).is_file() for seed in block.seeds)

    def write(self, block: Block, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Writes the block's images (n, H, W, C); every file is there whole or not at all."""
        if self.kind == "npz":
            self.path.mkdir(parents=True, exist_ok=True)
            with written_whole(self._npz(block)) as partial, partial.open("wb") as file:
                np.savez_compressed(file, arr_0=images, labels=labels, seeds=np.array(block.seeds))
        elif self.kind == "png":
            for seed, image in zip(block.seeds, images, strict=True):
                self._png(seed).parent.mkdir(parents=True, exist_ok=True)
                save_png(self._png(seed), image)

    def _npz(self, block: Block) -> Path:
        return self.path / f"{block.index:05d}.npz"

    def _png(self, seed: int) -> Path:
        return self.path / f"{seed - seed % _PER_FOLDER:06d}" / f"{seed:06d}.png"
