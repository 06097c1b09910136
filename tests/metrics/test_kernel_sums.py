"""Sums over pairs of rows: those of a double loop, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bdia_edm.metrics import kernel_sums
from bdia_edm.metrics.kernel_sums import pair_sums

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(7, 3)), RANDOM.normal(1, 2, size=(5, 3))


def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x @ y.T + 1) ** 2


def one(a: np.ndarray, b: np.ndarray) -> float:
    return float((a @ b + 1) ** 2)


@pytest.mark.parametrize("rows", [1, 2, 3, 1024])
def test_they_are_the_sums_over_all_pairs(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_sums, "_ROWS", rows)
    found = pair_sums(X, Y, kernel)
    assert found.xx == pytest.approx(sum(one(X[i], X[j]) for i in range(7) for j in range(7) if i != j))
    assert found.yy_same == pytest.approx(sum(one(y, y) for y in Y))
    assert found.xy == pytest.approx(sum(one(x, y) for x in X for y in Y))
    within = found.xx / (7 * 6) + found.yy / (5 * 4)
    assert found.unbiased == pytest.approx(within - 2 * found.xy / 35)


def test_of_equal_sets_the_biased_estimate_is_nothing() -> None:
    assert pair_sums(X, X, kernel).biased == pytest.approx(0, abs=1e-12)
    assert pair_sums(X, X, kernel).unbiased < 0


@pytest.mark.parametrize("other", [Y[:1], Y[:, :2], Y[0]])
def test_what_are_no_two_sets(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be two or more of the same length in each"):
        pair_sums(X, other, kernel)
