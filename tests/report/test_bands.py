"""Half-widths of bands, and what the bands are."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bdia_edm.report.bands import ERRORS, band_words, half_width
from bdia_edm.report.group import Row, Spread

PLAIN = Row("edm", {}, True, 6, 11, {"fid": 2.0}, {}, {}, 1.0, "c")
SPREAD = replace(PLAIN, spreads={"fid": Spread(1.8, 0.2)})
KNOWN = replace(SPREAD, standard_errors={"fid": 0.1})


def test_a_standard_error_goes_before_the_deviation() -> None:
    of_errors, words = band_words([PLAIN, SPREAD, KNOWN], "fid")
    assert of_errors
    assert words.startswith("±1.96 standard errors over seeds")
    assert [half_width(row, "fid", of_errors) for row in (PLAIN, SPREAD, KNOWN)] == [0, 0, pytest.approx(ERRORS * 0.1)]


def test_else_it_is_the_deviation_over_the_blocks() -> None:
    of_errors, words = band_words([PLAIN, SPREAD], "fid")
    assert (of_errors, words) == (False, "± the deviation over the blocks of seeds")
    assert [half_width(row, "fid", of_errors) for row in (PLAIN, SPREAD)] == [0, 0.2]


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert band_words([PLAIN], "fid") == (False, "")
    assert band_words([KNOWN], "kid") == (False, "")


@pytest.mark.parametrize("error", [math.nan, math.inf])
def test_what_cannot_be_drawn_is_no_band(error: float) -> None:
    assert half_width(replace(PLAIN, standard_errors={"fid": error}), "fid", of_errors=True) == 0
