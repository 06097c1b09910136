"""Metrics by name: what each needs of the images' features, and the figures that it makes of it.

A module of this package makes its metric known with ``@METRICS.add("name")``. All metrics of a run are served by one
pass over the features; what none of them needs is not gathered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.option_names import named
from bdia_edm.base.registry import Registry
from bdia_edm.metrics.findings import NEEDS, Findings
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.uncertainty import Uncertainty

__all__ = ["METRICS", "REFERENCE_FEATURES", "AboutFigures", "FeatureSpace", "Metric", "Rows", "about_figures"]
__all__ += ["compute_all", "figures_of", "make_metrics", "needs_of", "uncertainty_of_figures"]

Rows = Callable[[], Iterable[NDArray[np.float32]]]
"""Reads the features of all images once more, block by block in their order: (n, F) each."""

REFERENCE_FEATURES = "reference_features"
"""What a metric needs that looks at features of single images of the data, not at the data's moments alone."""
_NEEDS = NEEDS | {REFERENCE_FEATURES}


class FeatureSpace(NamedTuple):
    """Whose features they are.

    Attributes:
        name: the detector's.
        distance_name: what the Fréchet distance of its features is called.
    """

    name: str
    distance_name: str

    def figure_name(self, figure: str) -> str:
        """What a figure of these features is called: of Inception's, whose distance is the FID, by its plain name,
        which papers mean by it; of others with the detector's behind it."""
        return figure if self.distance_name == "fid" else f"{figure}_{self.name}"


class Metric(Protocol):
    """What every metric is. One of the user's own derives from this, or has the same attributes.

    Attributes:
        name: of the metric.
        needs: what it takes of ``Findings``, some of 'moments', 'features', 'logits' and 'ode_errors';
            'reference_features' where it takes the reference's too.
        higher_is_better: those of its figures of which more is better, without the detector's name; of all others
            less is.
        fewest: images that it takes at least, of the data too where it takes their features.
    """

    name: str
    needs: frozenset[str]
    higher_is_better: frozenset[str] = frozenset()
    fewest: int = 2

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        """The figures, under the names that they have in a record; one that says how sure another is, under that one's
        name and `_se` (its standard error) or `_deviation` (that of its parts).

        Args:
            findings: of the images.
            reference: the data's statistics in the same features.
            space: whose features these are: figures of different detectors have different names.
        """
        ...

    def uncertainty(
        self, findings: Findings, reference: Reference, space: FeatureSpace, rows: Rows
    ) -> dict[str, Uncertainty]:
        """What paired intervals of those of its figures that have some are computed from, by the figures' names.

        Args:
            findings, reference, space: as of ``compute``.
            rows: for what the findings do not hold.
        """
        return {}


class AboutFigures(TypedDict, total=False):
    """What a record says beside its figures.

    Attributes:
        higher_is_better: names of those figures of which more is better; without it less is, of all of them.
        num_reference_features: images of the data whose features they were compared with one by one, beside all of the
            run's own; without it none.
    """

    higher_is_better: list[str]
    num_reference_features: int


def _fits(name: str, member: object) -> bool:
    if not isinstance(member, type) or not all(hasattr(member, each) for each in ("needs", "compute")):
        return False
    return getattr(member, "name", None) == name


METRICS: Registry[type[Metric]] = Registry(
    "metric", "bdia_edm.metrics", _fits, "a class with needs and compute, and this name as its attribute 'name'"
)


def make_metrics(chosen: Sequence[str | Metric]) -> list[Metric]:
    """The metrics of these names; objects are taken as they are.

    Raises:
        UserError: a name is unknown, or stands there twice.
    """
    metrics = [METRICS[metric]() if isinstance(metric, str) else metric for metric in chosen]
    names = [metric.name for metric in metrics]
    for metric in metrics:
        if names.count(metric.name) > 1:
            raise UserError(f"{named('metric')}={metric.name}: stands there twice")
        if not metric.needs <= _NEEDS:
            raise UserError(
                f"{named('metric')}={metric.name}: needs {', '.join(sorted(metric.needs - _NEEDS))}; there are "
                f"{', '.join(sorted(_NEEDS))}"
            )
    return metrics


def needs_of(
    metrics: Iterable[Metric],
    detector: str,
    num_logits: int,
    reference: Reference | None = None,
    num_images: int | None = None,
) -> frozenset[str]:
    """What the metrics need together.

    Args:
        detector: its name, for the message.
        num_logits: how many it has.
        reference: the data's, where it is known.
        num_images: that will be measured, where it is known.

    Raises:
        UserError: one needs logits, and the detector has none; or the data's features, and the reference keeps none;
            or more images than there are.
    """
    needs: frozenset[str] = frozenset()
    for metric in metrics:
        if "logits" in metric.needs and not num_logits:
            raise UserError(f"{named('metric')}={metric.name}: needs logits, and the detector {detector} has none")
        if REFERENCE_FEATURES in metric.needs and reference is not None and not reference.num_kept:
            raise UserError(
                f"{named('metric')}={metric.name}: needs features of the data, and the reference keeps none; python -m "
                "bdia_edm.fid ref --features --data IMAGES --dest FILE.npz --detector NAME makes a file that does, for "
                "model.reference_features=FILE.npz (of fid calc: --ref-features FILE.npz)"
            )
        # One of the user's own need not say it.
        fewest, counts = getattr(metric, "fewest", 2), {"images": num_images}
        if REFERENCE_FEATURES in metric.needs and reference is not None:
            counts["of the data's"] = reference.num_kept
        for what, count in counts.items():
            if count is not None and count < fewest:
                raise UserError(f"{named('metric')}={metric.name}: takes {fewest} or more; there are {count} {what}")
        needs |= metric.needs
    return needs


def compute_all(
    metrics: Iterable[Metric], findings: Findings, reference: Reference, space: FeatureSpace
) -> dict[str, float]:
    """The figures of all metrics, in the metrics' order.

    Raises:
        UserError: two give a figure of the same name, or one fails.
    """
    figures: dict[str, float] = {}
    for metric in metrics:
        for name, value in figures_of(metric, findings, reference, space).items():
            if name in figures:
                raise UserError(f"{named('metric')}={metric.name}: gives {name}, and so does another metric")
            figures[name] = value
    return figures


def figures_of(metric: Metric, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
    """The figures of one metric.

    Raises:
        UserError: it fails.
    """
    try:
        return {str(name): float(value) for name, value in metric.compute(findings, reference, space).items()}
    except Exception as error:  # whatever a metric of the user's own raises
        what = f"{type(error).__name__}: {one_line(error)}"
        raise UserError(f"{named('metric')}={metric.name}: gives no figures: {what}") from error


def uncertainty_of_figures(
    metric: Metric,
    figures: Mapping[str, float],
    findings: Findings,
    reference: Reference,
    space: FeatureSpace,
    rows: Rows,
) -> dict[str, Uncertainty]:
    """``Metric.uncertainty`` of a metric's figures, where all of them are finite; it says that of some, or of none."""
    # One of the user's own need not say it.
    tell = getattr(metric, "uncertainty", None)
    if tell is None or not all(map(math.isfinite, figures.values())):
        return {}
    found: dict[str, Uncertainty] = tell(findings, reference, space, rows)
    return {name: each for name, each in found.items() if name in figures}


def about_figures(
    metrics: Iterable[Metric], figures: Iterable[str], reference: Reference, space: FeatureSpace
) -> AboutFigures:
    """What a record says of these figures."""
    about = AboutFigures()
    measured = list(metrics)
    # One of the user's own need not say it.
    plain = [each for metric in measured for each in getattr(metric, "higher_is_better", ())]
    higher = {name for each in plain for name in (each, space.figure_name(each))}
    if found := [name for name in figures if name in higher]:
        about["higher_is_better"] = found
    if any(REFERENCE_FEATURES in metric.needs for metric in measured):
        about["num_reference_features"] = reference.num_kept
    return about
