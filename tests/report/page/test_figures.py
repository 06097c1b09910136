"""Figures for people."""

from __future__ import annotations

import math

from bdia_edm.report.page.figures import figure, gap, interval, mirrored
from bdia_edm.report.verdict import Comparison


def test_figures() -> None:
    assert [figure(each) for each in (None, 0.4, -0.4, 3.2e-5, math.inf, -math.inf, math.nan, 1e7)] == [
        "", "0.400", "−0.400", "3.2e-05", "inf", "−inf", "nan", "1e+07",
    ]  # fmt: skip
    assert figure(-1e-5, "+") == "−1.0e-05"
    found = Comparison(-0.4, -0.5, -0.3, -0.2, "influence", True)
    assert interval(None, found) == "−0.400 (−0.500 to −0.300)"
    assert gap(None, found) == "−0.400 (95 % interval −0.500 to −0.300)"
    assert gap(0.5, None) == "+0.500 (no interval)"
    assert gap(None, None) == "no finite difference"
    assert interval(None, mirrored(found)) == "+0.400 (+0.300 to +0.500)"
