"""Sampling as a piece of work that workers share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import DamagedError
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.plan import cut_into_blocks
from bdia_edm.engine.shards import Shard
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.workers.board import Board
from bdia_edm.workers.sharing import lead


def work(folder: Path, save_images: str = "none") -> BlockWork:
    sampler = make_sampler("euler", {"num_steps": 2})
    worker = BlockSampler(GaussianMixture(), sampler, PixelDetector((1, 4, 4)), torch.device("cpu"), 5)
    worker.keep_images = save_images != "none"
    folder_of_blocks = BlockFolder(folder, "this run", Shard, save_images)
    return BlockWork("euler 2 steps", cut_into_blocks(range(25), 10), folder_of_blocks, worker)


def test_a_block_is_made_and_found(tmp_path: Path) -> None:
    sampling = work(tmp_path, "npz")
    sampling.prepare()
    block = sampling.blocks[0]
    assert (sampling.found(), sampling.is_good(block, pytest.fail)) == (0, False)
    counted: list[int] = []
    write = sampling.make(block, counted.append, pytest.fail)
    assert counted == [5, 5]
    assert (sampling.found(), sampling.is_good(block, pytest.fail)) == (0, False)
    made = write()
    assert (sampling.found(), sampling.is_good(block, pytest.fail)) == (10, True)
    assert np.array_equal(sampling.read(block).features, made.features)
    assert len(list((tmp_path / "images").glob("*.npz"))) == 1


def test_where_a_block_is_and_that_it_is_damaged_is_said(tmp_path: Path) -> None:
    sampling = work(tmp_path)
    sampling.prepare()
    block = sampling.blocks[2]
    with pytest.raises(FileNotFoundError):
        sampling.read(block)
    path = tmp_path / "shards" / "00002.npz"
    path.write_bytes(b"garbage")
    with pytest.raises(DamagedError, match="unreadable"):
        sampling.read(block)
    said: list[str] = []
    assert not sampling.is_good(block, said.append)
    assert sampling.where(block) == str(path)
    assert said == [f"{path}: unreadable (ValueError); made again"]


def test_workers_can_share_it(tmp_path: Path) -> None:
    said: list[str] = []
    shards = list(lead(work(tmp_path), Board(), said.append))
    assert [len(shard.features) for shard in shards] == [10, 10, 5]
    assert said[-1].startswith("euler 2 steps: 25 of 25 images, ")
