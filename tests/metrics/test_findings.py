"""One pass gives what was asked for, and gathers nothing else."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bdia_edm.metrics.findings import NEEDS, Findings
from tests.metrics.test_statistics import made, statistics_of

FEATURES = made(1300, 7)
LOGITS = made(1300, 3)
ERRORS = np.square(made(1300, 1)[:, 0].astype(np.float64))
CUTS = [1, 40, 511, 512, 700]


def found(needs: set[str]) -> Findings:
    findings = Findings(7, 3, needs)
    for each in zip(*(np.split(rows, CUTS) for rows in (FEATURES, LOGITS, ERRORS)), strict=True):
        findings.add(*each)
    return findings


@pytest.mark.parametrize("needs", [{"moments"}, {"features"}, {"logits"}, {"moments", "features"}, set(NEEDS), set()])
def test_what_is_asked_for_is_given_and_nothing_else(needs: set[str]) -> None:
    findings = found(needs)
    assert findings.num == 1300
    for need in NEEDS - needs:
        with pytest.raises(ValueError, match=f"{need} were not asked for"):
            getattr(findings, need)
    if "features" in needs:
        assert np.array_equal(findings.features, FEATURES)
        assert findings.features.dtype == np.float32
    if "logits" in needs:
        assert np.array_equal(findings.logits, LOGITS)
    if "ode_errors" in needs:
        assert np.array_equal(findings.ode_errors, ERRORS)
    if "moments" in needs:
        # The bits are those of the statistics alone, whatever else is gathered.
        for a, b in zip(findings.moments, statistics_of(FEATURES).mean_and_covariance(), strict=True):
            assert np.array_equal(a, b)


def test_the_batch_may_be_overwritten_afterwards() -> None:
    findings, buffer = Findings(7, 0, {"features", "moments"}), np.empty((650, 7), np.float32)
    for part in np.split(FEATURES, 2):
        buffer[:] = part
        findings.add(buffer)
    assert np.array_equal(findings.features, FEATURES)


def test_moments_alone_take_no_memory_for_rows() -> None:
    """100,000 images of 32 features are 12.8 MB; what their moments need is a chunk of 512 rows."""
    rows = np.zeros((1000, 32), np.float32)

    def peak(needs: set[str]) -> int:
        tracemalloc.start()
        findings = Findings(32, 0, needs)
        for _ in range(100):
            findings.add(rows)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak({"moments"}) < 2e6
    assert peak({"features"}) > 12e6


def test_misuse_is_refused() -> None:
    findings = Findings(7, 3, {"features", "logits"})
    with pytest.raises(ValueError, match=r"must be \(n, 7\)"):
        findings.add(np.zeros((2, 6), np.float32), LOGITS[:2])
    findings = Findings(7, 3, {"logits"})
    for logits in (None, LOGITS[:3]):
        with pytest.raises(ValueError, match="logits of 2 images are needed"):
            findings.add(FEATURES[:2], logits)
