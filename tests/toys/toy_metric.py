"""A metric of the user's own: the largest of all features."""

from __future__ import annotations

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import METRICS, FeatureSpace, Metric
from bdia_edm.metrics.reference import Reference


@METRICS.add("toy")
class ToyMetric(Metric):
    """The largest feature."""

    name = "toy"
    needs = frozenset({"features"})

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        return {"toy_largest": float(findings.features.max())}
