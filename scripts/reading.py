"""How fast a folder of images is read for ``fid calc``, beside a plain reader, as pytorch-fid reads.

    python -m scripts.reading                # PNGs of 32x32 and 256x256 that it makes, in a temporary folder
    python -m scripts.reading FOLDER ...     # images of one's own

Both read everything, without a network behind them; they take turns, and the medians of their rates are told. The CPU
seconds are of this process and of its workers, system time included.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bdia_edm.images.image_source import open_images
from bdia_edm.run.measured_images import read_ahead

__all__ = ["Rate", "compare_reading", "read_here", "read_plainly", "write_images"]

_BATCH, _PLAIN_BATCH = 64, 50
_MADE = {32: 4000, 256: 400}


class Rate(NamedTuple):
    """Of one pass over a folder."""

    num_images: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Images a second, by the clock."""
        return self.num_images / self.seconds


def read_here(folder: Path, batch: int = _BATCH) -> Rate:
    """Reads the folder as ``fid calc`` does: every header, then the pixels, a batch ahead of whoever takes them."""

    def batches() -> Iterator[int]:
        with closing(open_images(folder)) as source:
            indices = range(len(source))
            source.check(indices)
            with closing(read_ahead(source.read, indices, batch)) as pixels:
                yield from map(len, pixels)

    return _timed(batches)


class _Plain(Dataset[Tensor]):
    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        image = np.array(Image.open(self._paths[index]).convert("RGB"))
        return torch.from_numpy(image).permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def read_plainly(folder: Path, batch: int = _PLAIN_BATCH) -> Rate:
    """Reads the folder's PNGs by Pillow, one at a time, to float32 RGB in a DataLoader of min(8, CPUs) processes."""

    def batches() -> Iterator[int]:
        paths = sorted(folder.rglob("*.png"))
        workers = min(8, len(os.sched_getaffinity(0)))
        yield from map(len, DataLoader(_Plain(paths), batch_size=batch, num_workers=workers))

    return _timed(batches)


def compare_reading(folder: Path, repetitions: int = 3) -> dict[str, list[Rate]]:
    """The rates of both, in turns: 'bdia_edm' and 'plain'; the first pass of each, which fills caches, is left out."""
    readers: dict[str, Callable[[Path], Rate]] = {"bdia_edm": read_here, "plain": read_plainly}
    found: dict[str, list[Rate]] = {name: [] for name in readers}
    for _ in range(repetitions + 1):
        for name, read in readers.items():
            found[name].append(read(folder))
    return {name: rates[1:] for name, rates in found.items()}


def write_images(folder: Path, size: int, num: int, seed: int = 0) -> None:
    """Writes PNGs of size x size RGB pixels, smooth with a little noise, as photographs are."""
    rng = np.random.default_rng(seed)
    for index in range(num):
        coarse = Image.fromarray(rng.integers(0, 256, (size // 8, size // 8, 3), np.uint8))
        smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)).astype(np.int64)
        pixels = (smooth + rng.integers(-4, 5, smooth.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:06d}.png")


def _timed(batches: Callable[[], Iterator[int]]) -> Rate:
    start, before = time.perf_counter(), _cpu_seconds()
    num = sum(batches())
    return Rate(num, time.perf_counter() - start, _cpu_seconds() - before)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


@contextmanager
def _folders(given: tuple[Path, ...]) -> Iterator[list[Path]]:
    if given:
        yield list(given)
        return
    with tempfile.TemporaryDirectory() as place:
        made = [Path(place, f"{size}x{size}") for size in _MADE]
        for folder, (size, num) in zip(made, _MADE.items(), strict=True):
            folder.mkdir()
            write_images(folder, size, num)
        yield made


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--repetitions", default=3, show_default=True, type=click.IntRange(min=1))
def main(folders: tuple[Path, ...], repetitions: int) -> None:
    """Prints, as a Markdown table, the images that both read in a second, and their CPU time."""
    click.echo("| images | reader | images/s | CPU µs an image | rate / plain |\n| --- | --- | ---: | ---: | ---: |")
    with _folders(folders) as found:
        for folder in found:
            rates = compare_reading(folder, repetitions)
            plain = statistics.median(rate.per_second for rate in rates["plain"])
            for name, each in rates.items():
                speed = statistics.median(rate.per_second for rate in each)
                cpu = statistics.median(1e6 * rate.cpu_seconds / rate.num_images for rate in each)
                click.echo(f"| {folder.name} | {name} | {speed:.0f} | {cpu:.0f} | {speed / plain:.2f} |")


if __name__ == "__main__":
    main()
