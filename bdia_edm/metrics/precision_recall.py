"""Precision and recall, density and coverage: how much of one set lies where the other one has its neighbours.

Every row has a ball whose radius is the distance to its k-th nearest other row of its own set.

    precision   the part of the generated rows that lie in the ball of any row of the data      k = 3, closed (≤)
    recall      the part of the data's rows that lie in the ball of any generated row           k = 3, closed (≤)
    density     how many balls of the data hold a generated row, its mean over these, over k    k = 5, open (<)
    coverage    the part of the data's rows whose ball holds a generated row                    k = 5, open (<)

Precision and recall: Kynkäänniemi et al. 2019 (arXiv 1904.06991), with k and the closed ball of their definition, as
torch-fidelity since 0.4.0 and ADM's evaluator take them; others exchange the two or take k = 5. Density and coverage:
Naeem et al. 2020 (arXiv 2002.09797), with their k and the open ball of their code. All four depend on the numbers of
rows: published by Kynkäänniemi with equal ones, by ADM with 10,000 of the data against 50,000. Those of the features
of the data that were used are in a record as num_reference_features; of the images all are.

Distances are compared exactly, as ties decide: copies in the data lie on each other's balls. Products of matrices say
of nearly all pairs on which side they are, and the few that rounding leaves open are taken by their differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.late_torch import torch
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import METRICS, REFERENCE_FEATURES, FeatureSpace, Metric
from bdia_edm.metrics.reference import Reference

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PrecisionRecall", "density_and_coverage", "precision_and_recall"]

Rows = NDArray[np.floating]
_K_PRECISION, _K_DENSITY = 3, 5
_PAIRS = 2**24
"""Pairs of rows of one block, of 8 bytes each."""
_NUMBERS = 2**22
"""Of differences at a time."""


@METRICS.add("prdc")
class PrecisionRecall(Metric):
    """Precision and recall (k=3), density and coverage (k=5) of the features among the data's; more is better."""

    name = "prdc"
    needs = frozenset({"features", REFERENCE_FEATURES})
    higher_is_better = frozenset({"precision", "recall", "density", "coverage"})
    fewest = _K_DENSITY + 1

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        generated, real = findings.features, reference.features
        precision, recall = precision_and_recall(generated, real)
        density, coverage = density_and_coverage(generated, real)
        figures = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}
        return {space.figure_name(name): value for name, value in figures.items()}


def precision_and_recall(
    generated: Rows, real: Rows, k: int = _K_PRECISION, closed: bool = True
) -> tuple[float, float]:
    """Precision and recall of generated rows (N, F) among the data's (M, F).

    Raises:
        ValueError: there are no more than k rows of one, or they are of different length.
    """
    x, y = _both(generated, real, k)
    precision = float((_balls_around(x, y, _squared_radii(y, k), closed)[0] > 0).mean())
    recall = float((_balls_around(y, x, _squared_radii(x, k), closed)[0] > 0).mean())
    return precision, recall


def density_and_coverage(generated: Rows, real: Rows, k: int = _K_DENSITY, closed: bool = False) -> tuple[float, float]:
    """Density and coverage of generated rows (N, F) among the data's (M, F).

    Raises:
        ValueError: there are no more than k rows of one, or they are of different length.
    """
    x, y = _both(generated, real, k)
    balls, rows = _balls_around(x, y, _squared_radii(y, k), closed)
    return float(balls.sum()) / (k * len(balls)), float((rows > 0).mean())


class _Points:
    """Rows (n, F) as they are, and shifted to about their middle, where products lose fewer digits."""

    def __init__(self, rows: Rows, middle: NDArray[np.float64]) -> None:
        self.rows = np.asarray(rows)
        self.shifted = torch.from_numpy(self.rows.astype(np.float64) - middle)
        self.squares = self.shifted.square().sum(1)

    def __len__(self) -> int:
        return len(self.rows)

    def distances(self, others: _Points) -> Iterator[tuple[slice, NDArray[np.float64], float]]:
        """Blocks of squared distances of these rows from the others, each with how far rounding may have moved them."""
        size = max(1, _PAIRS // len(others))
        # Products of F numbers, each rounded by half of eps: twice what can come together.
        rounding = 2 * (self.shifted.shape[1] + 8) * torch.finfo(torch.float64).eps
        most = float(others.squares.max())
        for first in range(0, len(self), size):
            block = slice(first, first + size)
            products: Tensor = self.shifted[block] @ others.shifted.T
            found = self.squares[block, None] + others.squares - 2 * products
            yield block, found.numpy(), rounding * (float(self.squares[block].max()) + most)

    def exact(self, others: _Points, mine: NDArray[np.int64], theirs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The squared distances of pairs of rows by their differences: equal pairs have equal bits."""
        found = np.empty(len(mine))
        size = max(1, _NUMBERS // self.rows.shape[1])
        for first in range(0, len(mine), size):
            part = slice(first, first + size)
            difference = self.rows[mine[part]].astype(np.float64) - others.rows[theirs[part]]
            found[part] = np.square(difference).sum(axis=1)
        return found


def _both(generated: Rows, real: Rows, k: int) -> tuple[_Points, _Points]:
    if generated.ndim != 2 or real.ndim != 2 or generated.shape[1] != real.shape[1]:
        raise ValueError(f"rows of shape {generated.shape} and {real.shape}: must be of the same length")
    if min(len(generated), len(real)) <= k:
        raise ValueError(f"{len(generated)} images and {len(real)} of the data: more than {k} of each are needed")
    middle = real.mean(axis=0, dtype=np.float64)
    return _Points(generated, middle), _Points(real, middle)


def _squared_radii(points: _Points, k: int) -> NDArray[np.float64]:
    """The squared distance of each row to its k-th nearest other row."""
    radii = np.empty(len(points))
    for block, found, rounding in points.distances(points):
        here = np.arange(len(found))
        found[here, here + block.start] = np.inf
        nearest = np.partition(found, k - 1, axis=1)[:, k - 1]
        # The k nearest are among these, whatever rounding did to them and to others.
        mine, theirs = np.nonzero(found <= nearest[:, None] + 2 * rounding)
        exact = points.exact(points, mine + block.start, theirs)
        order = np.lexsort((exact, mine))
        begins = np.searchsorted(mine, here)
        radii[block] = exact[order][begins + k - 1]
    return radii


def _balls_around(
    points: _Points, centres: _Points, squared_radii: NDArray[np.float64], closed: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many balls each point lies in, (n,), and how many points each centre's ball holds, (m,)."""
    balls, held = np.zeros(len(points), np.int64), np.zeros(len(centres), np.int64)
    for block, found, rounding in points.distances(centres):
        found -= squared_radii
        inside = found < 0
        mine, theirs = np.nonzero(np.abs(found) <= rounding)
        exact = points.exact(centres, mine + block.start, theirs)
        inside[mine, theirs] = exact <= squared_radii[theirs] if closed else exact < squared_radii[theirs]
        balls[block] = inside.sum(axis=1)
        held += inside.sum(axis=0)
    return balls, held
