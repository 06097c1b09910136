"""A mean over pictures: the same however they are cut, with the interval of a paired difference of means."""

from __future__ import annotations

import numpy as np
import pytest

from bdia_edm.report.verdict import BETTER, compared
from bdia_edm.run.encoders import Found
from bdia_edm.text_to_image.generating.mean_score import MeanScore

SCORES = np.random.RandomState(0).uniform(0, 30, 100)


def found(scores: np.ndarray, size: int = 100) -> Found:
    mean: MeanScore[np.ndarray] = MeanScore("clip_score", lambda shard: shard)
    for start in range(0, len(scores), size):
        mean.add(scores[start : start + size])
    return mean.found()


def test_it_is_the_mean_with_its_standard_error_however_it_is_cut() -> None:
    whole, cut = found(SCORES), found(SCORES, 7)
    assert whole.figures == cut.figures
    assert whole.figures["clip_score"] == pytest.approx(SCORES.mean(), rel=1e-14)
    error = whole.facts["uncertainty"]["clip_score"]["standard_error"]
    assert error == pytest.approx(SCORES.std(ddof=1) / 10, rel=1e-12)
    assert whole.facts["higher_is_better"] == ["clip_score"]


def test_the_interval_is_that_of_paired_differences() -> None:
    rises = np.random.RandomState(1).normal(0.2, 0.3, 100)
    pair = found(SCORES + rises).kept["clip_score"], found(SCORES).kept["clip_score"]
    comparison = compared([pair], higher_is_better=True)
    assert comparison is not None
    assert comparison.difference == pytest.approx(rises.mean(), rel=1e-10)
    assert comparison.half_width == pytest.approx(1.959964 * rises.std(ddof=1) / 10, rel=1e-6)
    assert comparison.verdict == BETTER
    assert comparison.is_trusted


def test_one_picture_has_no_error() -> None:
    one = found(SCORES[:1])
    assert (one.figures, one.kept) == ({"clip_score": SCORES[0]}, {})
    assert "uncertainty" not in one.facts
