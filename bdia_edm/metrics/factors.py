"""Factors of covariances, singular ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bdia_edm.base.late_torch import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["factor_of", "negligible_eigenvalue"]


def factor_of(s: Tensor) -> Tensor:
    """F (n, rank) with F Fᵀ = s: Cholesky's where s is safely positive definite, else from its eigenvectors."""
    negligible = negligible_eigenvalue(s)
    factor, failed = torch.linalg.cholesky_ex(s)
    if not failed and factor.diagonal().min() ** 2 > negligible:
        return factor
    values, vectors = torch.linalg.eigh(s)
    keep = values > negligible
    return vectors[:, keep] * values[keep].sqrt()


def negligible_eigenvalue(s: Tensor) -> Tensor:
    """Eigenvalues of the positive semi-definite s (n, n) up to this one may be nothing but rounding."""
    return len(s) * torch.finfo(s.dtype).eps * s.diagonal().max()
