"""Freed memory is kept within and given back without, moves no bit, and does not grow from block to block."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from bdia_edm.api import finish, prepare
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine import host_memory
from bdia_edm.engine.batch import sample_images
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.host_memory import memory_kept
from bdia_edm.engine.plan import cut_into_blocks
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.denoising import BatchDenoiser
from bdia_edm.samplers.registry import make_sampler
from bdia_edm.samplers.sampler import EDMStepsSampler, Noise

GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no mallopt")
TAKEN, CLEARLY = 256, 200  # MiB


def resident() -> float:
    """MiB of memory that this process has."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def take_and_free() -> float:
    """MiB that the process has more after it has freed some large tensors."""
    before = resident()
    tensors = [torch.ones(TAKEN << 17, dtype=torch.uint8) for _ in range(8)]
    del tensors
    return resident() - before


@GLIBC
def test_kept_within_and_given_back_without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in host_memory._USERS_OWN:
        monkeypatch.delenv(name, raising=False)
    before = resident()
    with memory_kept():
        assert take_and_free() > CLEARLY
    assert resident() < before + CLEARLY


@pytest.mark.parametrize("name", host_memory._USERS_OWN)
def test_the_users_word_goes_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    monkeypatch.setattr("ctypes.CDLL", None)
    with memory_kept():
        pass


def test_nothing_is_asked_of_another_library(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        def mallopt(self, *arguments: int) -> int:
            raise AssertionError(arguments)

    monkeypatch.setattr("ctypes.CDLL", lambda name: Other())
    with memory_kept():
        pass
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("ctypes.CDLL", None)
    with memory_kept():
        pass


@GLIBC
def test_an_older_glibc_takes_less(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    class Older:
        gnu_get_libc_version: Any = None

        def malloc_trim(self, pad: int) -> None:
            pass

        def mallopt(self, which: int, value: int) -> int:
            asked.append((which, value))
            return value <= 32 << 20

    for name in host_memory._USERS_OWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ctypes.CDLL", lambda name: Older())
    with memory_kept():
        assert asked == [(-3, 1 << 30), (-3, 32 << 20), (-1, -1)]


def test_no_bit_moves() -> None:
    sampler = make_sampler("bdia", {"num_steps": 5, "gamma": 0.5})
    plain, *_ = sample_images(GaussianMixture(img_resolution=16), sampler, range(50))
    with memory_kept():
        kept, *_ = sample_images(GaussianMixture(img_resolution=16), sampler, range(50))
    assert torch.equal(plain, kept)


@GLIBC
def test_flat_over_many_blocks() -> None:
    """What was freed is used again, whatever the order of large and small: a short last batch is in every block."""
    sampler, detector = make_sampler("euler", {"num_steps": 2}), PixelDetector((2, 32, 32))
    mixture = GaussianMixture(img_resolution=32, img_channels=2)
    maker = BlockSampler(mixture, sampler, detector, torch.device("cpu"), batch_size=40, keep_images=True)
    held: list[float] = []
    with memory_kept():
        for block in cut_into_blocks(range(40 * 130), 130):
            maker.run(block, str, print)
            held.append(resident())
    assert max(held) < max(held[:5]) + 8


@dataclass(frozen=True, kw_only=True)
class Freeing(EDMStepsSampler):
    """Frees much at every step, and looks what stays."""

    name = title = "freeing"
    kept: ClassVar[list[float]] = []

    def solve(self, denoiser: BatchDenoiser, x: Tensor, time_steps: Sequence[float], noise: Noise) -> Iterator[Tensor]:
        for t in time_steps[:-1]:
            self.kept.append(take_and_free())
            x = denoiser(x, t)
            yield x


@GLIBC
def test_a_worker_keeps_it(tmp_path: Path) -> None:
    options = ("+model=gaussian_mixture", "detector=none", "seeds=0-3", f"results_dir={tmp_path}")
    run, before = prepare(*options, sampler=Freeing(num_steps=2)), resident()
    finish(run, str)
    assert Freeing.kept[0] > CLEARLY
    assert resident() < before + CLEARLY
