"""Sampled images on disk: one npz for each block, or one PNG for each image."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
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
            thousand to a folder), or 'none'. One of the two lives there: a block that is written in one kind
            replaces the same block in the other.
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
        """Writes the images (n, H, W, C) of ``seeds``, the block ``index``; each file is there whole or not at all.

        Raises:
            OSError: the folder cannot be written.
            ValueError: images of these channels are no PNGs.
        """
        # First, so that whoever is killed between never leaves the block in two kinds.
        if self.kind == "npz":
            self._remove_pngs(seeds)
            self.path.mkdir(parents=True, exist_ok=True)
            with written_whole(self._npz(index)) as partial, partial.open("wb") as file:
                np.savez_compressed(file, arr_0=images, labels=labels, seeds=np.array(seeds))
        elif self.kind == "png":
            self._npz(index).unlink(missing_ok=True)
            for seed, image in zip(seeds, images, strict=True):
                self._png(seed).parent.mkdir(parents=True, exist_ok=True)
                save_png(self._png(seed), image)

    def _remove_pngs(self, seeds: Sequence[int]) -> None:
        folders = set(filter(Path.is_dir, {self._png(seed).parent for seed in seeds}))
        for path in map(self._png, seeds):
            if path.parent in folders:
                path.unlink(missing_ok=True)
        for folder in folders:
            with suppress(OSError):  # of other blocks there is something left
                folder.rmdir()

    def _npz(self, index: int) -> Path:
        return self.path / f"{index:05d}.npz"

    def _png(self, seed: int) -> Path:
        return self.path / f"{seed - seed % _PER_FOLDER:06d}" / f"{seed:06d}.png"
