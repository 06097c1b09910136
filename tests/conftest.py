"""What tests of several rooms share, and how they run side by side."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.metrics.metric import METRICS
from bdia_edm.samplers.registry import SAMPLERS
from bdia_edm.trackers.tracker import TRACKERS


@pytest.fixture
def toys() -> Iterator[Path]:
    """The folder of cards for the parts in tests/toys, which are unknown again afterwards."""
    registries = (SAMPLERS, DETECTORS, METRICS, MODEL_KINDS, TRACKERS)
    before = [set(registry.names()) for registry in registries]
    yield Path(__file__).parent / "toys" / "conf"
    for registry, names in zip(registries, before, strict=True):
        for name in set(registry.names()) - names:
            del registry._found[name]
    for module in [name for name in sys.modules if name.startswith("tests.toys.")]:
        del sys.modules[module]


# Those that start processes and watch them: one after the other, however many share the rest.
_PROCESSES = ("test_faults", "test_launch", "test_meeting", "test_sharing", "test_finish", "test_runs", "test_memory")
_PIECE = "processes"
_PROCESSES += ("test_slurm", "test_worker_process", "test_own_parts", "test_invert")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One file is one piece of work for a worker, so that it loads once what its tests share; the processes are one.

    Not by xdist's groups, which it writes where pytest 9 no longer looks.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return _PIECE if Path(path).stem in _PROCESSES else path

    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The processes begin, as they take the longest."""
    items.sort(key=lambda item: item.path.stem not in _PROCESSES)


def pytest_configure(config: pytest.Config) -> None:
    """Tests that share the machine's cores take one each, and so do the commands that they start."""
    # Under nohup SIGHUP is ignored, by all that is started here too, as it should be; the tests are of what it does.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
