"""Figures that public code and numpy gave for small sets of features (tests/reference/metrics)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import FeatureSpace, Metric, compute_all, needs_of
from bdia_edm.metrics.reference import ReferenceStatistics
from tests.metrics.test_statistics import statistics_of
from tests.references import REFERENCE

FEATURES: dict[str, NDArray[np.float32]] = dict(np.load(REFERENCE / "metrics" / "features.npz"))
VALUES: dict[str, Any] = json.loads((REFERENCE / "metrics" / "values.json").read_text())
PAIRS = list(VALUES["pairs"])
INCEPTION = FeatureSpace("inception", "fid")
DIGITS = FeatureSpace("digits", "fd_digits")


def pair(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[str, Any]]:
    """The generated rows, the real rows, and the figures of the pair."""
    return FEATURES["real" if name == "identical" else name], FEATURES["real"], VALUES["pairs"][name]


def reference_of(features: NDArray[np.float32]) -> ReferenceStatistics:
    return ReferenceStatistics(*statistics_of(features).mean_and_covariance(), "checksum", features)


def figures(
    metric: Metric, features: NDArray[np.float32], real: NDArray[np.float32], space: FeatureSpace = INCEPTION
) -> dict[str, float]:
    """What the metric makes of features that come in batches."""
    findings = Findings(features.shape[1], 0, needs_of([metric], space.name, 0, reference_of(real)))
    for rows in np.array_split(features, 4):
        findings.add(rows)
    return compute_all([metric], findings, reference_of(real), space)
