"""The mean of a number that every picture has, with what intervals of paired differences are computed from.

A mean's influence function is the number less the mean, so that a difference of two runs on the same seeds has its
interval in tables as distances have: of the differences picture by picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bdia_edm.records.record import FigureUncertainty
from bdia_edm.records.uncertainty import KeptDistance
from bdia_edm.run.encoders import Found

__all__ = ["MeanScore"]

S = TypeVar("S")


class MeanScore(Generic[S]):
    """Of a score of which more is better.

    Args:
        name: the figure's in a record.
        scores: (n,) float64, those of a shard.
    """

    def __init__(self, name: str, scores: Callable[[S], NDArray[np.float64]]) -> None:
        self._name, self._scores = name, scores
        self._parts: list[NDArray[np.float64]] = []

    def add(self, shard: S) -> None:
        """Takes one, in block order."""
        self._parts.append(self._scores(shard))

    def found(self) -> Found:
        """The mean; its standard error where there are two pictures or more."""
        every = np.concatenate(self._parts)
        # Exactly rounded, so that it is the same however the pictures are cut into blocks.
        mean, num = math.fsum(every) / len(every), len(every)
        facts: dict[str, object] = {"higher_is_better": [self._name]}
        if num < 2:
            return Found({self._name: mean}, facts, {})
        error = math.sqrt(every.var(ddof=1) / num)
        facts["uncertainty"] = {self._name: FigureUncertainty(standard_error=error, method="influence")}
        return Found({self._name: mean}, facts, {self._name: KeptDistance(mean, 1, num, every - mean, np.empty(0))})
