"""What tests of several rooms share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bdia_edm.config.model_card import MODEL_KINDS
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.metrics.metric import METRICS
from bdia_edm.samplers.registry import SAMPLERS


@pytest.fixture
def toys() -> Iterator[Path]:
    """The folder of cards for the parts in tests/toys, which are unknown again afterwards."""
    registries = (SAMPLERS, DETECTORS, METRICS, MODEL_KINDS)
    before = [set(registry.names()) for registry in registries]
    yield Path(__file__).parent / "toys" / "conf"
    for registry, names in zip(registries, before, strict=True):
        for name in set(registry.names()) - names:
            registry.forget(name)
    for module in [name for name in sys.modules if name.startswith("tests.toys.")]:
        del sys.modules[module]
