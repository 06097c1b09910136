"""The inception score: how sure a classifier is of each image, and how many classes it sees in all.

    exp(mean over images of KL(p(y|x) ‖ mean of p(y|x) over the images)),  p = softmax(logits)

taken in ten parts of the images: it grows with a part's size, and shuffling first keeps classes from lying in one part.
Salimans et al. 2016 (arXiv 1606.03498); split and shuffled as torch-fidelity does. ADM's evaluator takes parts of 5,000
in the images' order, which is ``adm_inception_score``. It compares with no data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.metric import METRICS, FeatureSpace, Metric
from bdia_edm.metrics.reference import Reference

__all__ = ["InceptionScore", "adm_inception_score", "inception_score"]

_PARTS = 10
_ADM_PART = 5000
_SEED = 2020


@METRICS.add("inception_score")
class InceptionScore(Metric):
    """How sure the detector is of each image and how many classes it sees; more is better; without the data."""

    name = "inception_score"
    needs = frozenset({"logits"})
    higher_is_better = frozenset({"inception_score"})
    fewest = _PARTS

    def compute(self, findings: Findings, reference: Reference, space: FeatureSpace) -> dict[str, float]:
        name = space.figure_name(self.name)
        logits = findings.logits
        order = np.random.RandomState(_SEED).permutation(len(logits))
        mean, deviation = inception_score(logits[order])
        return {name: mean, f"{name}_deviation": deviation}


def inception_score(logits: NDArray[np.floating], parts: int = _PARTS) -> tuple[float, float]:
    """The mean of the parts' scores, and their standard deviation, of n; in float64.

    Args:
        logits: (N, K), in random order.
        parts: part i is rows iN//parts to (i+1)N//parts.

    Raises:
        ValueError: there are fewer images than parts.
    """
    num = len(logits)
    if num < parts:
        raise ValueError(f"{num} images cannot be cut into {parts} parts; take {parts} or more")
    log_p = _log_probabilities(logits)
    scores = [_score(log_p[i * num // parts : (i + 1) * num // parts]) for i in range(parts)]
    return float(np.mean(scores)), float(np.std(scores))


def adm_inception_score(logits: NDArray[np.floating], size: int = _ADM_PART) -> float:
    """The mean of the scores of parts of ``size`` images in their order, a shorter last one included; in float64.

    Args:
        logits: (N, K), without the bias.
    """
    log_p = _log_probabilities(logits)
    return float(np.mean([_score(log_p[first : first + size]) for first in range(0, len(log_p), size)]))


def _log_probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    # Imported here: a command's help names the metrics without SciPy.
    from scipy.special import log_softmax

    found: NDArray[np.float64] = log_softmax(logits.astype(np.float64), axis=1)
    return found


def _score(log_p: NDArray[np.float64]) -> float:
    p = np.exp(log_p)
    mean = p.mean(axis=0)
    # Of a class that no image has any probability of, p log p is 0.
    log_mean = np.log(mean, out=np.zeros_like(mean), where=mean > 0)
    divergence = np.where(p > 0, p * (log_p - log_mean), 0).sum(axis=1)
    return float(np.exp(divergence.mean()))
