"""The search for the fastest batch, with clocks and memories made up, and once with a network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from bdia_edm.engine.batch_search import LARGEST, fastest_batch, search
from bdia_edm.models.gaussian_mixture import GaussianMixture


class Device:
    """Takes ``overhead`` seconds for a batch and one for every image, and another where ``penalty`` says so."""

    def __init__(self, overhead: float, memory: int = 10**9, penalty: Callable[[int], float] = lambda size: 0) -> None:
        self.overhead, self.memory, self.penalty = overhead, memory, penalty
        self.asked: list[int] = []

    def __call__(self, size: int) -> float:
        self.asked.append(size)
        if size > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return (self.overhead + size * (1 + self.penalty(size))) * 1e-3


@pytest.mark.parametrize(
    ("device", "found"),
    [
        # Nothing is gained by more than one at once.
        (Device(0), 1),
        # 1.063 with 8, 1.031 with 16, 1.016 with 32: twice as many save 2.9 %, and four times as many 4.4 %.
        (Device(0.5), 32),
        (Device(900), LARGEST),
        (Device(900, memory=100), 64),
        # Caches are full from 32 on.
        (Device(20, penalty=lambda size: 5 if size >= 32 else 0), 16),
        # One that does not pay may stand before one that does.
        (Device(20, penalty=lambda size: 5 if size == 8 else 0), 512),
    ],
)
def test_search(device: Device, found: int) -> None:
    assert search(device).batch_size == found


def test_it_ends_soon() -> None:
    device = Device(0)
    assert search(device).seconds == {size: pytest.approx(1e-3) for size in (1, 2, 4)}
    assert device.asked == [1, 2, 4]
    slow = Device(4e3)
    search(slow)
    # 5.024 s
    assert slow.asked[-1] == 1024


def test_no_memory_at_all_and_other_errors() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        search(Device(0, memory=0))

    def broken(size: int) -> float:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        search(broken)


def test_a_network_is_evaluated_in_these_batches() -> None:
    sizes: list[int] = []

    class Watched(GaussianMixture):
        def forward(self, x: torch.Tensor, *arguments: object) -> torch.Tensor:
            sizes.append(len(x))
            return super().forward(x, *arguments)  # type: ignore[arg-type]

    found = fastest_batch(Watched(), torch.device("cpu"))
    assert found.batch_size in found.seconds
    assert sorted(set(sizes)) == [2**power for power in range(len(found.seconds))]
    # Each is tried once before it is timed.
    assert min(sizes.count(size) for size in sizes) >= 2
