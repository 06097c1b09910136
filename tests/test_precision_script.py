"""scripts/precision.py, on a network small enough."""

from __future__ import annotations

from scripts.precision import LEVELS, network_rows


def test_float32_does_not_move_and_bfloat16_does() -> None:
    rows = [[cell.strip() for cell in row.split("|")] for row in network_rows("tiny-adm-cond", 2, 1, "cpu")]
    assert [row[2] for row in rows] == ["fp32", "bf16"]
    own, low = ([float(cell) for cell in row[3 : 3 + len(LEVELS)]] for row in rows)
    assert own == [0] * len(LEVELS)
    assert all(1e-5 < moved < 0.1 for moved in low)
