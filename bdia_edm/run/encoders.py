"""A run's detectors, each with the data's statistics in its features, and what is measured in each.

Metrics that look at features are computed in every detector's, those that need logits in the ones that have some, and
those that look at none, such as a sampler's own error, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.side_by_side import SideBySide
from bdia_edm.engine.shards import Shard
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.jackknife import too_few_for_interval
from bdia_edm.metrics.metric import (
    FeatureSpace,
    Metric,
    Rows,
    about_figures,
    figures_of,
    needs_of,
    uncertainty_of_figures,
)
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.records.record import FigureUncertainty
from bdia_edm.records.uncertainty import KeptDistance

__all__ = ["Encoder", "Found", "Measurement", "all_found", "metrics_of", "together", "too_few_warnings"]


class Encoder(NamedTuple):
    """A detector and what is known of the data in its features."""

    detector: Detector
    reference: Reference

    @property
    def space(self) -> FeatureSpace:
        """Whose features they are."""
        return FeatureSpace(self.detector.name, self.detector.distance_name)


class Found(NamedTuple):
    """What was measured.

    Attributes:
        figures: by their names in a record.
        facts: what else the record says of them, by its names.
        kept: what intervals are computed from, of those that have some.
    """

    figures: dict[str, float]
    facts: dict[str, Any]
    kept: dict[str, KeptDistance]


def all_found(parts: Sequence[Found]) -> Found:
    """What several found, as one: their facts are mappings and lists of the same names."""
    figures: dict[str, float] = {}
    facts: dict[str, Any] = {}
    kept: dict[str, KeptDistance] = {}
    for part in parts:
        figures |= part.figures
        kept |= part.kept
        for name, value in part.facts.items():
            if name in facts and isinstance(value, dict):
                facts[name] = facts[name] | value
            else:
                facts[name] = [*facts[name], *value] if name in facts and isinstance(value, list) else value
    return Found(figures, facts, kept)


def together(encoders: Sequence[Encoder]) -> Detector | None:
    """All detectors as one; None where there is none."""
    detectors = [encoder.detector for encoder in encoders]
    return SideBySide(detectors) if len(detectors) > 1 else next(iter(detectors), None)


def metrics_of(encoders: Sequence[Encoder], metrics: Sequence[Metric]) -> list[list[Metric]]:
    """What is measured in each detector's features.

    Raises:
        UserError: a metric needs logits, and no detector has some.
    """
    found: list[list[Metric]] = [[] for _ in encoders]
    for metric in metrics:
        able = [place for place, each in enumerate(encoders) if _gives(each.detector, metric)]
        if encoders and not able:
            each = " and ".join(f"the detector {encoder.detector.name} has none" for encoder in encoders)
            raise UserError(f"{named('metric')}={metric.name}: needs logits, and {each}")
        # Without features it would be the same figure again.
        for place in able if metric.needs & {"moments", "features", "logits"} else able[:1]:
            found[place].append(metric)
    return found


def _gives(detector: Detector, metric: Metric) -> bool:
    return "logits" not in metric.needs or bool(detector.num_logits)


class Measurement:
    """Takes shards in block order, and measures.

    Args:
        encoders: none where nothing is measured.
        metrics: of a run.
        num_images: that will be measured, where a metric that takes more is to be refused.

    Raises:
        UserError: a metric needs what no detector, or a reference, has.
    """

    def __init__(self, encoders: Sequence[Encoder], metrics: Sequence[Metric], num_images: int | None = None) -> None:
        distances = [encoder.detector.distance_name for encoder in encoders]
        for encoder, name in zip(encoders, distances, strict=True):
            if distances.count(name) > 1:
                raise UserError(f"detector={encoder.detector.name}: gives {name}, as another detector does")
        self._encoders, self._metrics = encoders, metrics_of(encoders, metrics)
        self._joined = SideBySide([encoder.detector for encoder in encoders])
        self._findings: list[Findings] = []
        for encoder, chosen in zip(encoders, self._metrics, strict=True):
            detector = encoder.detector
            needs = needs_of(chosen, detector.name, detector.num_logits, encoder.reference, num_images)
            self._findings.append(Findings(detector.num_features, detector.num_logits, needs))

    def add(self, shard: Shard) -> None:
        """Takes one."""
        if self._encoders:
            for findings, own in zip(self._findings, self._joined.apart(shard.features, shard.logits), strict=True):
                findings.add(*own, shard.ode_errors)

    def found(self, again: Callable[[], Iterable[Shard]] | None = None) -> Found:
        """All figures.

        Args:
            again: reads the shards once more; without it figures have no uncertainty.

        Raises:
            UserError: a metric fails, or two give a figure of the same name.
        """
        figures: dict[str, float] = {}
        facts: dict[str, Any] = {}
        kept: dict[str, KeptDistance] = {}
        for place, (encoder, metrics) in enumerate(zip(self._encoders, self._metrics, strict=True)):
            findings, reference, space = self._findings[place], encoder.reference, encoder.space
            of_encoder: dict[str, float] = {}
            for metric in metrics:
                own = figures_of(metric, findings, reference, space)
                for name in own.keys() & (figures.keys() | of_encoder.keys()):
                    raise UserError(f"{named('metric')}={metric.name}: gives {name}, and so does another metric")
                of_encoder |= own
                if again is None:
                    continue
                rows = self._rows_of(place, again)
                uncertain = uncertainty_of_figures(metric, own, findings, reference, space, rows)
                for name, each in uncertain.items():
                    told = (each.num_features, findings.num, each.influence, each.without_group)
                    kept[name] = KeptDistance(own[name], *told)
                    error = FigureUncertainty(standard_error=each.standard_error(own[name]), method=each.method)
                    facts.setdefault("uncertainty", {})[name] = error
            figures |= of_encoder
            about = about_figures(metrics, of_encoder, reference, space)
            if "higher_is_better" in about:
                facts.setdefault("higher_is_better", []).extend(about["higher_is_better"])
            if "num_reference_features" in about:
                facts.setdefault("num_reference_features", about["num_reference_features"])
            if space.distance_name in of_encoder:
                facts.setdefault("distances", {})[encoder.detector.name] = space.distance_name
        return Found(figures, facts, kept)

    def _rows_of(self, place: int, again: Callable[[], Iterable[Shard]]) -> Rows:
        """Reads one detector's features once more."""

        def one(shard: Shard) -> NDArray[np.float32]:
            return self._joined.apart(shard.features, shard.logits)[place][0]

        # map: a loop would hold the last shard while it asks for the next.
        return lambda: map(one, again())


def too_few_warnings(encoders: Sequence[Encoder], num: int) -> list[str]:
    """A warning for each detector in whose features so many images are too few for a distance or its interval."""
    found: list[str] = []
    for detector, _ in encoders:
        warning = too_few_images(num, detector.num_features) or too_few_for_interval(num, detector.num_features)
        whose = f"warning: detector={detector.name}: " if len(encoders) > 1 else "warning: "
        if warning:
            found.append(warning.replace("warning: ", whose))
    return found
