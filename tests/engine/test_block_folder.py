"""The blocks of a run on disk."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.plan import Block, cut_into_blocks
from bdia_edm.engine.shards import Shard
from bdia_edm.images.image_source import open_images
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler

BLOCKS = cut_into_blocks(range(25), 10)


def worker(keep_images: bool = False) -> BlockSampler:
    sampler = make_sampler("euler", {"num_steps": 2})
    return BlockSampler(
        GaussianMixture(), sampler, PixelDetector((1, 4, 4)), torch.device("cpu"), 5, keep_images=keep_images
    )


def make(folder: BlockFolder, block: Block) -> Shard:
    shard, pixels = worker(keep_images=folder.save_images != "none").run(block, lambda num: None, never)
    folder.write(block, shard, pixels)
    return shard


def never(line: str) -> None:
    raise AssertionError(line)


def test_a_block_is_good_when_it_was_made(tmp_path: Path) -> None:
    folder = BlockFolder(tmp_path, "this run", Shard)
    folder.prepare()
    assert folder.found(BLOCKS) == 0
    assert not folder.is_good(BLOCKS[2], never)
    made = make(folder, BLOCKS[2])
    assert folder.is_good(BLOCKS[2], never)
    assert np.array_equal(folder.read(BLOCKS[2]).features, made.features)
    assert folder.found(BLOCKS) == 5


def test_a_block_of_another_run_is_not_and_it_is_said(tmp_path: Path) -> None:
    BlockFolder(tmp_path, "another run", Shard).prepare()
    make(BlockFolder(tmp_path, "another run", Shard), BLOCKS[0])
    said: list[str] = []
    assert not BlockFolder(tmp_path, "this run", Shard).is_good(BLOCKS[0], said.append)
    assert said == [f"{tmp_path / 'shards' / '00000.npz'}: it is another run's; made again"]


@pytest.mark.parametrize("kind", ["npz", "png"])
def test_without_its_images_it_is_not(kind: str, tmp_path: Path) -> None:
    folder = BlockFolder(tmp_path, "this run", Shard, kind)
    folder.prepare()
    make(folder, BLOCKS[0])
    assert folder.is_good(BLOCKS[0], never)
    assert folder.found(BLOCKS) == 10
    next(path for path in (tmp_path / "images").rglob("*.*") if path.is_file()).unlink()
    assert not folder.is_good(BLOCKS[0], never)
    assert folder.found(BLOCKS) == 0
    # Images are shards of npz; a file for each only where that is asked for.
    make(folder, BLOCKS[0])
    assert len([path for path in (tmp_path / "images").rglob("*.*") if path.is_file()]) == {"npz": 1, "png": 10}[kind]


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    folder = BlockFolder(tmp_path, "this run", Shard, "png")
    (tmp_path / "images" / "000000").mkdir(parents=True)
    for name in ("record.json.7.partial", "images/00001.7.partial", "images/000000/000003.png.partial"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "images" / "000000" / "000004.png").write_bytes(b"whole")
    folder.prepare()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["000004.png"]


def test_images_asked_for_in_another_kind_can_be_measured(tmp_path: Path) -> None:
    """Both kinds in one folder are refused there."""
    found = []
    for kind in ("png", "npz", "png"):
        folder = BlockFolder(tmp_path, "this run", Shard, kind)
        folder.prepare()
        for block in BLOCKS:
            assert not folder.is_good(block, never)
            make(folder, block)
        with closing(open_images(folder.images.path)) as source:
            found.append(source.read(range(len(source))))
    assert found[0].shape == (25, 4, 4, 1)
    assert all(np.array_equal(images, found[0]) for images in found)
