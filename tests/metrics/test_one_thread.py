"""Figures whose last bits do not depend on the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from bdia_edm.metrics.one_thread import each_on_one_thread, one_thread

FIGURES = """
import hashlib, sys
import numpy as np, torch
from bdia_edm.api import FeatureStatistics, frechet_distance
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.metrics.uncertainty import uncertainty_of
torch.set_num_threads(int(sys.argv[1]))
found = hashlib.sha256()
for size in (16, 64, 257):
    moments = []
    for seed in (0, 1):
        statistics = FeatureStatistics(size)
        rows = np.random.default_rng(seed).standard_normal((1500, size)).astype(np.float32)
        statistics.add(rows)
        moments += statistics.mean_and_covariance()
    for moment in moments:
        found.update(moment.tobytes())
    found.update(np.float64(frechet_distance(*moments)).tobytes())
    uncertainty = uncertainty_of([rows], 1500, *moments[2:], ReferenceStatistics(*moments[:2], ""))
    found.update(uncertainty.influence.tobytes() + uncertainty.without_group.tobytes())
print(found.hexdigest())
"""


def test_within_and_after() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_statistics_and_distance() -> None:
    """PyTorch's threads and those of NumPy's library, which come from the environment."""
    found = set()
    for threads, blas in ((1, 1), (2, 3), (4, 8)):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": str(blas), "PYTHONPATH": os.pathsep.join(sys.path)}
        line = [sys.executable, "-c", FIGURES, str(threads)]
        found.add(subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_each_on_one_thread(three_threads: None) -> None:
    """Three at once, each on one thread, in order; items are taken as they are needed."""
    meeting = threading.Barrier(3)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def call(number: int) -> tuple[int, int]:
        meeting.wait(10)
        return number, torch.get_num_threads()

    results = each_on_one_thread(call, items())
    assert taken == []
    assert next(results) == (0, 1)
    assert taken == [0, 1, 2, 3]
    assert list(results) == [(number, 1) for number in range(1, 6)]
    assert torch.get_num_threads() == 3


def test_within_one_thread_it_is_one_at_a_time(three_threads: None) -> None:
    found: set[str] = set()
    with one_thread():
        list(each_on_one_thread(lambda number: found.add(threading.current_thread().name), range(5)))
    assert len(found) == 1


def test_an_error_of_one_is_raised(three_threads: None) -> None:
    with pytest.raises(ZeroDivisionError):
        list(each_on_one_thread(lambda number: 1 / number, (1, 0, 2)))
    assert torch.get_num_threads() == 3
