"""The inception score: torch-fidelity's figures, closed forms, and what it needs."""

from __future__ import annotations

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.inception_score import InceptionScore, adm_inception_score, inception_score
from bdia_edm.metrics.metric import compute_all, needs_of
from tests.metrics.metric_references import DIGITS, FEATURES, INCEPTION, VALUES, reference_of

CASES = VALUES["inception_score"]


def shuffled(logits: np.ndarray) -> np.ndarray:
    return logits[np.random.RandomState(2020).permutation(len(logits))]


@pytest.mark.parametrize("name", CASES)
def test_reference_values(name: str) -> None:
    logits, values = FEATURES[name], CASES[name]
    for found, case in (
        (inception_score(shuffled(logits)), values["splits10_shuffled_2020"]),
        (inception_score(logits), values["splits10_in_order"]),
        (inception_score(logits, 1), values["splits1"]),
    ):
        for source in ("torch_fidelity", "recomputed"):
            assert found == pytest.approx((case[source]["mean"], case[source]["std"]), rel=0, abs=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_adms_is_of_parts_of_a_size_in_order(name: str) -> None:
    logits, values = FEATURES[name], CASES[name]
    # All are one part: fewer than 5,000.
    assert adm_inception_score(logits) == pytest.approx(values["splits1"]["torch_fidelity"]["mean"], rel=0, abs=1e-10)
    if len(logits) == 600:
        expected = values["splits10_in_order"]["torch_fidelity"]["mean"]
        assert adm_inception_score(logits, 60) == pytest.approx(expected, rel=0, abs=1e-10)
    # A short last part counts as much as any.
    last = len(logits) - 10
    parts = [adm_inception_score(part) for part in (logits[:last], logits[last:])]
    assert adm_inception_score(logits, last) == pytest.approx(np.mean(parts), rel=0, abs=1e-10)


def test_the_metric_shuffles_and_is_named_by_its_detector() -> None:
    logits = FEATURES["logits_sorted"]
    findings = Findings(1, 20, needs_of([InceptionScore()], "inception", 20))
    for rows in np.array_split(logits, 5):
        findings.add(np.zeros((len(rows), 1), np.float32), rows)
    found = compute_all([InceptionScore()], findings, reference_of(FEATURES["real"]), INCEPTION)
    expected = CASES["logits_sorted"]["splits10_shuffled_2020"]["recomputed"]
    assert found == {
        "inception_score": pytest.approx(expected["mean"], abs=1e-10),
        "inception_score_deviation": pytest.approx(expected["std"], abs=1e-10),
    }
    named = compute_all([InceptionScore()], findings, reference_of(FEATURES["real"]), DIGITS)
    assert list(named) == ["inception_score_digits", "inception_score_digits_deviation"]


def test_the_most_and_the_least() -> None:
    """Sure of as many classes as there are, evenly: their number. The same of every image: 1."""
    sure = 1e4 * np.tile(np.eye(5), (20, 1))
    assert inception_score(sure) == pytest.approx((5, 0))
    assert inception_score(np.tile(np.arange(5.0), (100, 1))) == pytest.approx((1, 0))
    # Logits have no zero.
    assert inception_score(sure + 1e6) == pytest.approx((5, 0))


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match=r"^metric=inception_score: needs logits, and the detector pixels has none"):
        needs_of([InceptionScore()], "pixels", 0)
    with pytest.raises(ValueError, match="9 images cannot be cut into 10 parts; take 10 or more"):
        inception_score(np.zeros((9, 3)))
