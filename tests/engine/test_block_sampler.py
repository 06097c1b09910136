"""A block: its batches, its shard, and what becomes of it where memory is short."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.block_sampler import PREVIEW, BlockSampler
from bdia_edm.engine.plan import Block
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler

EDM = make_sampler("edm", {"num_steps": 4})


def say_nothing(line: str) -> None:
    raise AssertionError(line)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("start", [0, 40, 64])
def test_a_block(batch_size: int, start: int) -> None:
    mixture = GaussianMixture()
    block = Block(0, start, tuple(range(start, start + 30)))
    reported: list[int] = []
    worker = BlockSampler(mixture, EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), batch_size, keep_images=True)
    shard, images = worker.run(block, reported.append, say_nothing)
    assert images is not None
    assert images.shape == (30, 4, 4, 1)
    torch.testing.assert_close(
        torch.from_numpy(images / 127.5 - 1).flatten(1).float(), torch.from_numpy(shard.features)
    )
    assert sum(reported) == 30
    assert shard.evaluations == 30 * 7
    # The first images of the run, and no others, are kept for its picture.
    kept = max(0, min(30, PREVIEW - start))
    assert shard.preview.shape == (kept, 4, 4, 1)
    slim, nothing = BlockSampler(mixture, EDM, None, torch.device("cpu"), batch_size).run(
        block, reported.append, say_nothing
    )
    assert nothing is None
    assert (slim.preview == shard.preview).all()
    assert slim.features.shape == (30, 0)


class Halves(PixelDetector):
    """Two classes: the upper and the lower half is brighter."""

    num_logits = 2

    def with_logits(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self(images)
        return features, features.unflatten(1, (2, -1)).mean(2)


def test_logits_only_where_they_are_asked_for() -> None:
    block, detector = Block(0, 0, tuple(range(10))), Halves((1, 4, 4))
    plain, _ = BlockSampler(GaussianMixture(), EDM, detector, torch.device("cpu"), 4).run(block, str, say_nothing)
    assert plain.logits.shape == (10, 0)
    kept, _ = BlockSampler(GaussianMixture(), EDM, detector, torch.device("cpu"), 4, keep_logits=True).run(
        block, str, say_nothing
    )
    assert (kept.features == plain.features).all()
    assert kept.logits.dtype == np.float32
    np.testing.assert_allclose(kept.logits, kept.features.reshape(10, 2, 8).mean(2), rtol=1e-6)
