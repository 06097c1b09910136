"""Metrics: found by name, given what they need, their figures under one roof."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.frechet import Frechet, frechet_distance
from bdia_edm.metrics.metric import (
    METRICS,
    REFERENCE_FEATURES,
    FeatureSpace,
    Metric,
    about_figures,
    compute_all,
    make_metrics,
    needs_of,
)
from bdia_edm.metrics.reference import ReferenceStatistics
from tests.metrics.test_statistics import made, statistics_of

SPACE = FeatureSpace("digits", "fd_digits")
FEATURES, LOGITS = made(600, 5), made(600, 3)
REFERENCE = ReferenceStatistics(*statistics_of(made(500, 5, mean=1.0)).mean_and_covariance(), "checksum")


class Widest(Metric):
    """A toy of the features."""

    name, needs = "widest", frozenset({"features"})

    def compute(self, findings: Findings, reference: Any, space: FeatureSpace) -> dict[str, float]:
        return {f"widest_{space.name}": float(np.linalg.norm(findings.features, axis=1).max())}


class Confidence(Metric):
    """A toy of the logits that gives two figures."""

    name, needs = "confidence", frozenset({"logits"})

    def compute(self, findings: Findings, reference: Any, space: FeatureSpace) -> dict[str, float]:
        return {"confidence": float(findings.logits.max()), "doubt": float(findings.logits.min())}


def findings_for(metrics: list[Metric]) -> Findings:
    findings = Findings(5, 3, needs_of(metrics, "digits", 3))
    for rows in (slice(0, 250), slice(250, 600)):
        findings.add(FEATURES[rows], LOGITS[rows])
    return findings


def test_frechet_is_the_first_of_them() -> None:
    (metric,) = make_metrics(["frechet"])
    assert isinstance(metric, Frechet)
    expected = frechet_distance(*statistics_of(FEATURES).mean_and_covariance(), REFERENCE.mean, REFERENCE.covariance)
    assert compute_all([metric], findings_for([metric]), REFERENCE, SPACE) == {"fd_digits": expected}
    assert list(compute_all([metric], findings_for([metric]), REFERENCE, FeatureSpace("inception", "fid"))) == ["fid"]


def test_all_metrics_from_one_pass() -> None:
    metrics = make_metrics([Widest(), "frechet", Confidence()])
    assert needs_of(metrics, "digits", 3) == {"moments", "features", "logits"}
    figures = compute_all(metrics, findings_for(metrics), REFERENCE, SPACE)
    assert list(figures) == ["widest_digits", "fd_digits", "confidence", "doubt"]
    assert figures["widest_digits"] == np.linalg.norm(FEATURES, axis=1).max()
    assert (figures["confidence"], figures["doubt"]) == (LOGITS.max(), LOGITS.min())
    # In company the distance has the bits that it has alone.
    alone = make_metrics(["frechet"])
    assert figures["fd_digits"] == compute_all(alone, findings_for(alone), REFERENCE, SPACE)["fd_digits"]


def test_only_what_is_needed_is_asked_for() -> None:
    assert needs_of([Widest()], "digits", 3) == {"features"}
    assert needs_of([], "digits", 3) == frozenset()
    with pytest.raises(ValueError, match="moments were not asked for"):
        _ = findings_for([Widest()]).moments


def test_every_metric_that_there_is_says_its_name_and_known_needs() -> None:
    assert "frechet" in METRICS.names()
    assert [metric.name for metric in make_metrics(METRICS.names())] == METRICS.names()


class Nearest(Metric):
    """A toy that looks at single images of the data."""

    name, needs = "nearest", frozenset({"features", REFERENCE_FEATURES})
    higher_is_better = frozenset({"nearest", "sum"})

    def compute(self, findings: Findings, reference: Any, space: FeatureSpace) -> dict[str, float]:
        name = space.figure_name("nearest")
        return {name: float((findings.features - reference.features[0]).max()), f"{name}_se": 1.0, "sum": 2.0}


def test_the_references_features_are_refused_where_there_are_none() -> None:
    kept = dataclasses.replace(REFERENCE, kept=made(30, 5))
    assert needs_of([Nearest()], "digits", 3, kept) == {"features", REFERENCE_FEATURES}
    with pytest.raises(UserError, match=r"^metric=nearest: needs features of the data, .*fid ref --features ") as error:
        needs_of([Nearest()], "digits", 3, REFERENCE)
    assert "\n" not in str(error.value)


def test_what_a_record_says_beside_the_figures() -> None:
    kept = dataclasses.replace(REFERENCE, kept=made(30, 5))
    metrics = make_metrics(["frechet", Nearest()])
    figures = compute_all(metrics, findings_for(metrics), kept, SPACE)
    assert list(figures) == ["fd_digits", "nearest_digits", "nearest_digits_se", "sum"]
    about = about_figures(metrics, figures, kept, SPACE)
    assert about == {"higher_is_better": ["nearest_digits", "sum"], "num_reference_features": 30}
    assert about_figures(make_metrics(["frechet"]), ["fd_digits"], kept, SPACE) == {}
    # Inception's have their plain names.
    assert FeatureSpace("inception_nvidia", "fid").figure_name("kid") == "kid"


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match=r"^metric=nothing: must be one of .*frechet"):
        make_metrics(["nothing"])
    with pytest.raises(UserError, match=r"^metric=frechet: stands there twice"):
        make_metrics(["frechet", "frechet"])
    with pytest.raises(UserError, match=r"^metric=confidence: needs logits, and the detector pixels has none"):
        needs_of([Confidence()], "pixels", 0)

    class Odd(Confidence):
        name, needs = "odd", frozenset({"colours", "logits"})

    with pytest.raises(UserError, match=r"^metric=odd: needs colours; there are features, logits, moments, ode_"):
        make_metrics([Odd()])
    metrics: list[Metric] = [Confidence(), Confidence()]
    with pytest.raises(UserError, match=r"^metric=confidence: gives confidence, and so does another metric"):
        compute_all(metrics, findings_for(metrics), REFERENCE, SPACE)


@pytest.mark.parametrize(("name", "fewest"), [("prdc", 6), ("inception_score", 10), ("fid_infinity", 17), ("kid", 2)])
def test_too_few_images_are_said_before_there_is_one(name: str, fewest: int) -> None:
    metrics = make_metrics([name])
    needs_of(metrics, "toy", 3, num_images=fewest)
    with pytest.raises(UserError, match=f"metric={name}: takes {fewest} or more; there are {fewest - 1} images"):
        needs_of(metrics, "toy", 3, num_images=fewest - 1)
