"""A sampler's own error: the root of the mean, and its influence by differences."""

from __future__ import annotations

import numpy as np
import pytest

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import FeatureSpace
from bdia_edm.metrics.ode_error import OdeError
from bdia_edm.metrics.reference import ReferenceStatistics
from tests.metrics.test_statistics import made

SPACE = FeatureSpace("pixels", "fd_pixels")
NOTHING = ReferenceStatistics(np.zeros(0), np.zeros((0, 0)), "r")
SQUARES = np.square(made(500, 1)[:, 0].astype(np.float64))


def findings_of(squares: np.ndarray) -> Findings:
    findings = Findings(0, 0, OdeError.needs)
    for part in np.split(squares, [7, 300]):
        findings.add(np.empty((len(part), 0), np.float32), None, part)
    return findings


def test_the_root_of_the_mean() -> None:
    assert OdeError().compute(findings_of(SQUARES), NOTHING, SPACE) == {"ode_rms": np.sqrt(SQUARES.mean())}


def test_its_standard_error_is_its_spread_over_seeds() -> None:
    random = np.random.default_rng(0)
    drawn = random.chisquare(4, (400, 500))
    errors = [OdeError().uncertainty(findings_of(each), NOTHING, SPACE, list)["ode_rms"] for each in drawn]
    said = np.mean([each.standard_error(0.0) for each in errors])
    assert said == pytest.approx(np.sqrt(drawn.mean(axis=1)).std(ddof=1), rel=0.1)
    assert errors[0].influence.mean() == pytest.approx(0, abs=1e-12)


def test_no_error_has_no_interval() -> None:
    exact = findings_of(np.zeros(400))
    assert OdeError().compute(exact, NOTHING, SPACE) == {"ode_rms": 0.0}
    assert OdeError().uncertainty(exact, NOTHING, SPACE, list) == {}
