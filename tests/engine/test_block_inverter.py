"""A block of images: inverted, made again, and what is said where that goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_inverter import BlockInverter, InversionShard
from bdia_edm.engine.plan import Block
from bdia_edm.engine.round_trip import from_uint8, round_trip
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler
from tests.engine.test_block_maker import SmallMemory
from tests.foreign_images import made_pixels
from tests.references import build

CPU = torch.device("cpu")


class Pixels:
    """Twenty images."""

    def __init__(self, channels: int = 1, size: int = 4) -> None:
        self.pixels = made_pixels(20, channels, size)

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        return self.pixels[list(indices)]


def inverter(denoiser=None, batch_size: int = 7, labels=None, **options: object) -> BlockInverter:
    denoiser = denoiser or GaussianMixture()
    sampler = make_sampler("bdia", {"num_steps": 6, "gamma": 1.0, "integrator": "euler", **options})
    source = Pixels(denoiser.img_channels, denoiser.img_resolution)
    classes = np.full(20, -1) if labels is None else labels
    return BlockInverter(denoiser, sampler, source, classes, CPU, batch_size)  # type: ignore[arg-type]


def no_progress(num: int) -> None:
    return


def test_a_block_holds_both_ways() -> None:
    counted: list[int] = []
    shard, pixels = inverter().run(Block(1, 5, (3, 4, 9, 17, 0, 1, 2, 5, 6)), counted.append, pytest.fail)
    assert pixels is None
    assert counted == [7, 2]
    assert shard.indices.tolist() == [3, 4, 9, 17, 0, 1, 2, 5, 6]
    assert (shard.originals == Pixels().read(shard.indices.tolist())).all()
    assert shard.states.shape == (9, 2, 1, 4, 4)
    assert shard.level == 80
    assert (shard.evaluations_inverse, shard.evaluations) == (9 * 5, 9 * 9)
    images = from_uint8(torch.from_numpy(shard.originals)).permute(0, 3, 1, 2)
    assert np.abs(shard.reconstructions - images.numpy()).max() < 1e-9
    one = round_trip(GaussianMixture(), inverter().sampler, images[2:3])
    np.testing.assert_allclose(shard.states[2], one.states[:, 0].numpy(), rtol=1e-12)


def test_the_batch_size_and_short_memory_change_nothing() -> None:
    block = Block(0, 0, tuple(range(20)))
    plain, _ = inverter(batch_size=20).run(block, no_progress, pytest.fail)
    said: list[str] = []
    halved, _ = inverter(SmallMemory(6), batch_size=20).run(block, no_progress, said.append)
    assert len(said) == 2
    np.testing.assert_allclose(halved.states, plain.states, rtol=1e-12)
    assert halved.evaluations == plain.evaluations


def test_each_image_has_its_own_class() -> None:
    """The inverse under the wrong class is another one."""
    network = build("tiny-song-vp-cond")
    labels = np.arange(20) % network.label_dim
    block = Block(1, 4, tuple(range(4, 12)))
    shard, _ = inverter(network, labels=labels).run(block, no_progress, pytest.fail)
    assert (shard.labels == labels[4:12]).all()
    other, _ = inverter(network, labels=np.zeros(20, np.int64)).run(block, no_progress, pytest.fail)
    differs = np.abs(shard.states - other.states).reshape(8, -1).max(axis=1) > 1e-3
    assert (differs == (shard.labels != 0)).all()


def test_what_is_not_finite_is_named() -> None:
    class Fragile(GaussianMixture):
        def forward(self, x, sigma, class_labels=None):
            bad = torch.where(torch.arange(len(x)) == 2, torch.nan, 0.0).view(-1, 1, 1, 1)
            return super().forward(x, sigma, class_labels) + bad

    with pytest.raises(UserError, match=r"images 11,18: 2 of 10 latents of the block are not finite; take fewer steps"):
        inverter(Fragile()).run(Block(0, 9, tuple(range(9, 19))), no_progress, pytest.fail)


def test_a_shard_is_kept_whole(tmp_path: Path) -> None:
    block = Block(0, 0, (0, 1, 2))
    shard, _ = inverter().run(block, no_progress, pytest.fail)
    folder = BlockFolder(tmp_path, "this run", InversionShard)
    folder.prepare()
    folder.write(block, shard, None)
    found = folder.read(block)
    assert (found.states == shard.states).all()
    assert (found.level, found.evaluations) == (80.0, shard.evaluations)
    said: list[str] = []
    folder.path(block).write_bytes(folder.path(block).read_bytes()[:-200])
    assert not folder.is_good(block, said.append)
    assert "made again" in said[0]
