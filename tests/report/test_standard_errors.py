"""Standard errors of rows, from their records."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bdia_edm.report.rows import group_records
from bdia_edm.report.standard_errors import standard_errors_of
from tests.report.test_tables import blocks, record


def sure(error: float, name: str = "fd_digits") -> dict[str, dict[str, dict[str, object]]]:
    return {"uncertainty": {name: {"standard_error": error, "method": "influence"}}}


def test_of_one_record() -> None:
    given = record(
        "edm", 6, 11, None, metrics={"fid": 2.0, "kid": 0.1, "kid_se": 0.02, "recall": 0.5}, **sure(0.3, "fid")
    )
    assert standard_errors_of([given]) == {"fid": 0.3, "kid": 0.02}
    (group,) = group_records([given])
    assert group.rows[0].standard_errors == {"fid": 0.3, "kid": 0.02}


def test_of_several_blocks_it_is_their_means() -> None:
    given = [each | sure(error) for each, error in zip(blocks(1.0, 2.0, 3.0), (0.1, 0.2, 0.2), strict=True)]
    (row,) = group_records(given)[0].rows
    assert row.standard_errors["fd_digits"] == pytest.approx(0.1)
    # As of means of independent numbers.
    drawn = np.random.default_rng(0).normal(0, [0.1, 0.2, 0.2], (20_000, 3)).mean(axis=1)
    assert row.standard_errors["fd_digits"] == pytest.approx(float(drawn.std()), rel=0.03)
    # One block that does not know it, and there is none.
    assert standard_errors_of([given[0], record("edm", 6, 11, 1.0)]) == {}
    assert standard_errors_of([record("edm", 6, 11, 1.0) | sure(math.nan)]) == {}
