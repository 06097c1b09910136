"""Figures whose last bits do not depend on the number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from bdia_edm.metrics.one_thread import one_thread

FIGURES = """
import hashlib, sys
import numpy as np, torch
from bdia_edm.api import FeatureStatistics, frechet_distance
torch.set_num_threads(int(sys.argv[1]))
found = hashlib.sha256()
for size in (16, 64, 257):
    moments = []
    for seed in (0, 1):
        statistics = FeatureStatistics(size)
        statistics.add(np.random.default_rng(seed).standard_normal((1500, size)).astype(np.float32))
        moments += statistics.mean_and_covariance()
    for moment in moments:
        found.update(moment.tobytes())
    found.update(np.float64(frechet_distance(*moments)).tobytes())
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
