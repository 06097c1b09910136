"""Sampled images on disk: one npz for each block, or one PNG for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.whole_files import written_whole
from bdia_edm.images.grids import save_png

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

    def holds(self, index: int, seeds: Sequence[int]) -> bool:
        """Whether the images of ``seeds``, the block ``index``, are there."""
        if self.kind == "none":
            return True
        if self.kind == "npz":
            return self._npz(index).is_file()
        return all(self._png(seed).is_file() for seed in seeds)

    def write(self, index: int, seeds: Sequence[int], images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        """Writes the images (n, H, W, C) of ``seeds``, the block ``index``; each file is there whole or not at all."""
        if self.kind == "npz":
            self.path.mkdir(parents=True, exist_ok=True)
            with written_whole(self._npz(index)) as partial, partial.open("wb") as file:
                np.savez_compressed(file, arr_0=images, labels=labels, seeds=np.array(seeds))
        elif self.kind == "png":
            for seed, image in zip(seeds, images, strict=True):
                self._png(seed).parent.mkdir(parents=True, exist_ok=True)
                save_png(self._png(seed), image)

    def _npz(self, index: int) -> Path:
        return self.path / f"{index:05d}.npz"

    def _png(self, seed: int) -> Path:
        return self.path / f"{seed - seed % _PER_FOLDER:06d}" / f"{seed:06d}.png"
