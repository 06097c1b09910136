"""A block where memory is short: made again in smaller batches, and nothing changes."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.plan import Block
from bdia_edm.models.gaussian_mixture import GaussianMixture
from tests.engine.test_block_sampler import EDM, say_nothing


class SmallMemory(GaussianMixture):
    """Holds no more than so many images."""

    def __init__(self, holds: int, error: RuntimeError | None = None) -> None:
        super().__init__()
        self.holds = holds
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")

    def forward(self, x, sigma, class_labels=None):
        if len(x) > self.holds:
            raise self.error
        return super().forward(x, sigma, class_labels)


@pytest.mark.parametrize("holds", [1, 7, 12])
def test_out_of_memory_the_batch_is_halved(holds: int) -> None:
    """Once; the block's results are those of the smaller batch size to the last bit, in a later block too."""
    said: list[str] = []
    counted: list[int] = []
    worker = BlockSampler(SmallMemory(holds), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), 25, keep_images=True)
    sizes = {1: [25, 12, 6, 3], 7: [25, 12], 12: [25]}[holds]
    final = {1: 1, 7: 6, 12: 12}[holds]
    for number in range(2):
        block = Block(number, 40 * number, tuple(range(40 * number, 40 * number + 40)))
        shard, images = worker.run(block, counted.append, said.append)
        plain = BlockSampler(
            GaussianMixture(), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), final, keep_images=True
        )
        expected, expected_images = plain.run(block, counted.append, say_nothing)
        assert (shard.features == expected.features).all()
        assert (images == expected_images).all()
        assert shard.evaluations == expected.evaluations
    assert worker.batch_size == final
    assert said == [
        f"batch_size={size}: more than the device's memory holds; going on with {size // 2}" for size in sizes
    ]
    assert sum(counted) == 160


class Fragile(GaussianMixture):
    """Out of memory once, in the third batch."""

    batches = 0

    def forward(self, x, sigma, class_labels=None):
        self.batches += float(sigma) == 80.0
        if self.batches == 3 and len(x) == 10:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(x, sigma, class_labels)


def test_out_of_memory_in_a_later_batch_begins_the_block_again() -> None:
    counted: list[int] = []
    block = Block(0, 0, tuple(range(40)))
    worker = BlockSampler(Fragile(), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), 10)
    shard, _ = worker.run(block, counted.append, str)
    expected, _ = BlockSampler(GaussianMixture(), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), 5).run(
        block, str, say_nothing
    )
    assert (shard.features == expected.features).all()
    assert counted == [10, 10, -20, *[5] * 8]


def test_not_even_one_image_fits() -> None:
    worker = BlockSampler(SmallMemory(0), EDM, None, torch.device("cpu"), 2)
    with pytest.raises(UserError, match="batch_size=1: the device's memory does not hold a single image"):
        worker.run(Block(0, 0, (1, 2, 3)), str, str)


def test_another_error_is_none_of_it() -> None:
    broken = BlockSampler(SmallMemory(5, RuntimeError("shapes do not fit")), EDM, None, torch.device("cpu"), 10)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        broken.run(Block(0, 0, tuple(range(10))), lambda num: None, say_nothing)
