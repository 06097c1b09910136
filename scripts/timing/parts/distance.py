"""The Fréchet distance by itself: ours, scipy's matrix square root as others take it, and the interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bdia_edm.api import frechet_distance
from bdia_edm.metrics.reference import ReferenceStatistics
from bdia_edm.metrics.uncertainty import uncertainty_of
from scripts.plain_pipeline import distance_by_sqrtm
from scripts.timing.clock import Took, clocked
from scripts.timing.figures import Figure, Section

__all__ = ["INTERVAL", "OURS", "ROOT", "measure"]

OURS, ROOT = "frechet_distance of {:,} features", "scipy.linalg.sqrtm of {:,} features"
INTERVAL = "the interval in {:,} features"

_CPU = torch.device("cpu")
_WORDS = """\
Of {features:,} features of {images:,} images each: `frechet_distance` and `scipy.linalg.sqrtm` one after the other,
the moments at hand. The interval of a distance, which the record holds too, is 20 distances more and one pass over the
features; nobody else's program has it."""


def measure(num_features: int, images: int, repeats: int, interval: bool = True) -> Section:
    """Seconds of both on the same moments, how far they are apart, and what the interval takes.

    Args:
        repeats: of ours; the root is taken once, as it takes ten times as long.
    """
    # Features whose deviations span two orders, as Inception's do.
    scale = np.geomspace(1, 100, num_features)
    rows = [np.random.default_rng(seed).standard_normal((images, num_features)) / scale for seed in range(2)]
    mean, covariance = rows[0].mean(axis=0), np.cov(rows[0], rowvar=False)
    reference = ReferenceStatistics(rows[1].mean(axis=0), np.cov(rows[1], rowvar=False), "made")
    moments = (mean, covariance, reference.mean, reference.covariance)
    distances: dict[str, float] = {}

    def timed(name: str, distance: Callable[..., float]) -> Took:
        def compute() -> None:
            distances[name] = distance(*moments)

        return clocked(compute, _CPU)

    ours = tuple(timed("ours", frechet_distance).wall for _ in range(1 + repeats))[1:]
    root = timed("sqrtm", distance_by_sqrtm).wall
    section = Section(
        "distance", "machine", "The Fréchet distance", _WORDS.format(features=num_features, images=images)
    )
    section.figures = [
        Figure(OURS.format(num_features), ours, "s"),
        Figure(ROOT.format(num_features), (root,), "s"),
        Figure("sqrtm over ours", tuple(root / each for each in ours), "×"),
        Figure("relative difference of the two distances", (abs(distances["ours"] / distances["sqrtm"] - 1),), ""),
    ]
    if interval:
        blocks = np.array_split(rows[0], max(images // 500, 1))
        found = clocked(lambda: uncertainty_of(blocks, images, mean, covariance, reference), _CPU)
        section.figures.append(Figure(INTERVAL.format(num_features), (found.wall,), "s"))
    return section
