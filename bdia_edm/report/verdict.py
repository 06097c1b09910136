"""Whether a sampler's distance differs from the baseline's on the same seeds: an interval, and a verdict in words.

Images of one seed are alike under two samplers, so the interval is of the difference itself, from what was kept beside
both records (``bdia_edm.records.uncertainty``). Of many images: D = F_B - F_A, with the variance var(f_B - f_A)/N of
the influence functions' numbers and 1.96 standard errors either way. Where images are few, the jackknife's corrected
difference of the distances without each group of seeds, with Student's t (``bdia_edm.metrics.jackknife``). Of several
blocks of seeds the differences are averaged and the variances combined.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from bdia_edm.metrics.jackknife import NUM_GROUPS, jackknife, too_few_for_interval
from bdia_edm.records.record import Record
from bdia_edm.records.uncertainty import KeptDistance, read_uncertainty

__all__ = ["BETTER", "DISAGREE", "NOT_DISTINGUISHABLE", "WORSE", "Comparison", "Run", "compared", "comparisons_of"]
__all__ += ["explained", "joint_verdict"]

BETTER, WORSE, NOT_DISTINGUISHABLE = "better", "worse", "not distinguishable"
DISAGREE = "encoders disagree"
_UPPER = 0.975
_MANY = 10


class Run(NamedTuple):
    """A record, and the folder that it lies in, where that is known."""

    record: Record
    folder: Path | None


class Comparison(NamedTuple):
    """A figure, mostly a distance, against the baseline's.

    Attributes:
        difference: the distance less the baseline's; by the jackknife corrected for the bias in the number of images.
        low, high: where the 95 % interval of the difference begins and ends.
        relative: the difference over the baseline's distance, as measured.
        method: 'influence' or 'jackknife'.
        is_trusted: whether there are images enough for the interval to hold what it says.
        higher_is_better: whether more of the figure is better.
    """

    difference: float
    low: float
    high: float
    relative: float
    method: str
    is_trusted: bool
    higher_is_better: bool = False

    @property
    def half_width(self) -> float:
        """Of the interval."""
        return (self.high - self.low) / 2

    @property
    def verdict(self) -> str:
        """'better' or 'worse' where the interval excludes 0, else 'not distinguishable'."""
        if not (self.low > 0 or self.high < 0):
            return NOT_DISTINGUISHABLE
        return BETTER if (self.low > 0) == self.higher_is_better else WORSE


class _Difference(NamedTuple):
    """Of one block of seeds; ``degrees_of_freedom`` of its variance."""

    value: float
    variance: float
    degrees_of_freedom: float
    baseline: float


def compared(blocks: Sequence[tuple[KeptDistance, KeptDistance]], higher_is_better: bool = False) -> Comparison | None:
    """The comparison; None where there is none: no blocks, of other numbers of images, or of unlike methods.

    Args:
        blocks: of each block of seeds the sampler's distance and the baseline's; image k of both has the same seed.
        higher_is_better: whether more of the figure is better.
    """
    if not blocks or any(_shape(one) != _shape(blocks[0][1]) for pair in blocks for one in pair):
        return None
    method = "jackknife" if len(blocks[0][0].without_group) else "influence"
    differences = [_difference(*pair) for pair in blocks]
    value = sum(each.value for each in differences) / len(differences)
    variance = sum(each.variance for each in differences) / len(differences) ** 2
    baseline = sum(each.baseline for each in differences) / len(differences)
    half = _quantile(differences) * math.sqrt(variance)
    # Of the distance as it is shown: corrected for its bias there may be nothing left of one close to the data.
    relative = value / baseline if baseline > 0 else math.nan
    num, num_features = blocks[0][0].num_images, blocks[0][0].num_features
    is_trusted = not too_few_for_interval(num, num_features)
    return Comparison(value, value - half, value + half, relative, method, is_trusted, higher_is_better)


def comparisons_of(blocks: Sequence[Run], baseline: Sequence[Run]) -> dict[str, Comparison]:
    """By name those of every distance that both have kept what intervals are computed from, in every block of seeds.

    Args:
        blocks, baseline: runs on the same seeds, block by block, of the same model, detector and reference.

    Raises:
        UserError: a file is damaged.
    """
    pairs = [(_kept(one), _kept(other)) for one, other in zip(blocks, baseline, strict=True)]
    names = [name for name in pairs[0][0] if all(name in one and name in other for one, other in pairs)]
    more = {name for run in (*blocks, *baseline) for name in run.record.get("higher_is_better", ())}
    found = {name: compared([(one[name], other[name]) for one, other in pairs], name in more) for name in names}
    return {name: comparison for name, comparison in found.items() if comparison is not None}


def joint_verdict(verdicts: Mapping[str, str]) -> str:
    """One verdict of several encoders': theirs where it is the same, or what some say alone, with their names.

    Args:
        verdicts: by the encoders' names; of none it is ''.
    """
    said = set(verdicts.values())
    if len(said) < 2:
        return "".join(said)
    if {BETTER, WORSE} <= said:
        return DISAGREE
    (verdict,) = said - {NOT_DISTINGUISHABLE}
    return f"{verdict} ({', '.join(name for name, each in verdicts.items() if each == verdict)})"


def _kept(run: Run) -> Mapping[str, KeptDistance]:
    """What was kept in the folder for distances of this very record; nothing of another's."""
    record = run.record
    kept = read_uncertainty(run.folder) if run.folder is not None else None
    if kept is None or kept.seeds != record["seeds"]:
        return {}
    return {
        name: each
        for name, each in kept.distances.items()
        if each.distance == record["metrics"].get(name) and each.num_images == record["num_images"]
    }


def explained(rows: Iterable[Mapping[str, Comparison]]) -> list[str]:
    """What a reader of the rows' comparisons must know."""
    comparisons = [comparison for row in rows for comparison in row.values()]
    words = {
        "influence": "by the influence function",
        "jackknife": f"by the jackknife over {NUM_GROUPS} groups of seeds, as the images are few for so many features; "
        "the difference before it is corrected for its bias in their number, and so not quite that of the figures",
    }
    methods = dict.fromkeys(each.method for each in comparisons)
    found = [
        f"± is half of the 95 % interval of a difference on the same seeds, {words[method]}; the verdict is of it."
        for method in methods
    ]
    if len(comparisons) >= _MANY:
        found.append(
            f"Each verdict stands alone: of {len(comparisons)} where nothing differs about {len(comparisons) / 20:.0f} "
            "would say that it does, and the best of many is better on its own seeds than on others."
        )
    if not all(each.is_trusted for each in comparisons):
        found.append("There are so few images that these intervals are not to be trusted: 5 a feature are the least.")
    return found


def _shape(kept: KeptDistance) -> tuple[int, ...]:
    return kept.num_images, len(kept.influence), len(kept.without_group), kept.num_features


def _difference(ours: KeptDistance, baseline: KeptDistance) -> _Difference:
    if len(ours.without_group):
        of_both = jackknife(ours.distance - baseline.distance, ours.without_group - baseline.without_group)
        return _Difference(of_both.value, of_both.standard_error**2, of_both.degrees_of_freedom, baseline.distance)
    numbers = ours.influence - baseline.influence
    variance = float(np.var(numbers, ddof=1)) / len(numbers)
    return _Difference(ours.distance - baseline.distance, variance, math.inf, baseline.distance)


def _quantile(differences: Sequence[_Difference]) -> float:
    """How many standard errors of their mean make half of the interval."""
    weights = [each.variance**2 / each.degrees_of_freedom for each in differences]
    if not sum(weights):
        return float(ndtri(_UPPER))
    # Welch and Satterthwaite's.
    degrees = sum(each.variance for each in differences) ** 2 / sum(weights)
    return float(stdtrit(degrees, _UPPER))
