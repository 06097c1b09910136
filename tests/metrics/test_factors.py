"""Factors of covariances: F Fᵀ is the covariance, and no rounding becomes a direction."""

from __future__ import annotations

import pytest
import torch

from bdia_edm.metrics.factors import factor_of, negligible_eigenvalue


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_a_factor_of_any_rank(rank: int) -> None:
    rows = torch.randn(8, rank, dtype=torch.float64, generator=torch.Generator().manual_seed(rank))
    covariance = rows @ rows.T
    factor = factor_of(covariance)
    assert factor.shape == (8, rank)
    torch.testing.assert_close(factor @ factor.T, covariance, rtol=0, atol=1e-12)


def test_nothing_has_no_factor() -> None:
    assert factor_of(torch.zeros(4, 4, dtype=torch.float64)).shape == (4, 0)


def test_what_is_negligible_grows_with_the_matrix() -> None:
    one = torch.eye(4, dtype=torch.float64)
    assert negligible_eigenvalue(100 * one) == 100 * negligible_eigenvalue(one)
    assert 0 < negligible_eigenvalue(one) < 1e-14
