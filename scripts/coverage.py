"""Measures how often the 95 % interval of a difference between two samplers holds the true difference.

    OMP_NUM_THREADS=1 python scripts/coverage.py > results/coverage.md

On the Gaussian mixture the true distance of each sampler is that of very many of its images; every repetition has seeds
of its own. On digits it is that of all images of one stored run, which repetitions draw from, with replacement.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import click
import numpy as np
from numpy.typing import NDArray

from bdia_edm.api import FeatureStatistics, Run, finish, frechet_distance, prepare, sample_images, to_uint8
from bdia_edm.base.lines import to_stderr
from bdia_edm.metrics.influence import influence
from bdia_edm.metrics.jackknife import JACKKNIFE_BELOW, group_sizes, takes_over
from bdia_edm.metrics.reference import Reference
from bdia_edm.metrics.uncertainty import DistancesWithout
from bdia_edm.records.uncertainty import KeptDistance
from bdia_edm.report.verdict import Comparison, compared
from bdia_edm.run.sampling import Sampling

__all__ = ["DIGITS", "INTRODUCTION", "MIXTURE", "Coverage", "coverage", "kept", "main"]

INTRODUCTION = """\
# Coverage of the intervals of a difference

How often the 95 % interval of the paired difference of two samplers' Fréchet distances, on the same seeds, holds the
true difference (`bdia_edm/report/verdict.py`), over {repetitions} repetitions: of intervals that are right {low:.0f} to
{high:.0f} % by chance. `±` is half of the interval on average, `unpaired ±` what unrelated images have; `mean` is the
difference found on average. Where a run has fewer than {least} images a feature, tables show the jackknife's interval,
otherwise the influence function's; here both are measured at every number of images. The latter lies about the plain
difference, whose bias of about 1/N is much of such a narrow interval where images are few; the jackknife takes it off.

    OMP_NUM_THREADS=1 python scripts/coverage.py > results/coverage.md
"""
_TITLES = {
    "mixture": "## The Gaussian mixture, 8x8 pixels as 64 features; true distances of {truth:,} other images each\n",
    "digits": "## Digits, 64 features; drawn with replacement from {truth:,} images, whose distance is the true one\n",
}
Samplers = Mapping[str, Sequence[str]]
_TRAPEZOID = ("sampler=bdia", "sampler.backward=trapezoid")
MIXTURE: Samplers = {
    "edm, 6 steps": ("sampler=edm", "sampler.num_steps=6"),
    "bdia 0.3, 6 steps": (*_TRAPEZOID, "sampler.gamma=0.3", "sampler.num_steps=6"),
    "edm, 9 steps": ("sampler=edm", "sampler.num_steps=9"),
    "bdia 0.1, 9 steps": (*_TRAPEZOID, "sampler.gamma=0.1", "sampler.num_steps=9"),
    "bdia 0.3, 9 steps": (*_TRAPEZOID, "sampler.gamma=0.3", "sampler.num_steps=9"),
}
DIGITS: Samplers = {name: MIXTURE[name] for name in ("edm, 9 steps", "bdia 0.3, 9 steps")}
_PAIRS = (
    ("bdia 0.3, 6 steps", "edm, 6 steps"),
    ("bdia 0.1, 9 steps", "edm, 9 steps"),
    ("bdia 0.3, 9 steps", "edm, 9 steps"),
    ("bdia 0.3, 9 steps", "bdia 0.1, 9 steps"),
)
_BATCH = 1000
_NUM_FEATURES = 64
_FIRST_OF_TRUTH = 2_000_000_000

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Coverage:
    """What came of one pair of samplers, number of images and method; see ``INTRODUCTION``."""

    pair: tuple[str, str]
    num: int
    method: str
    held: float
    half_width: float
    unpaired: float
    true: float
    mean: float


def coverage(
    draw: Callable[[int], Mapping[str, Features]],
    true: Mapping[str, float],
    reference: Reference,
    sizes: Sequence[int],
    repetitions: int,
) -> list[Coverage]:
    """How often the intervals hold the truth.

    Args:
        draw: features of a repetition's images by sampler, as many as the largest of ``sizes``; row k of all has the
            same seed.
        true: distances by sampler.
        reference: what the distances are from.
        sizes: numbers of images; of a repetition's the first.
    """
    found: dict[tuple[tuple[str, str], int, str], list[tuple[Comparison, float]]] = {}
    for repetition in range(repetitions):
        features = draw(repetition)
        for num in sizes:
            of_each = {name: kept(rows[:num], reference) for name, rows in features.items()}
            for ours, baseline in (pair for pair in _PAIRS if set(pair) <= set(features)):
                both = of_each[ours], of_each[baseline]
                unpaired = 1.96 * np.sqrt(sum(one.influence.var(ddof=1) for one in both) / num)
                for without in (False, True):
                    pair = both if without else tuple(replace(one, without_group=np.empty(0)) for one in both)
                    comparison = compared([(pair[0], pair[1])])
                    assert comparison is not None
                    found.setdefault(((ours, baseline), num, comparison.method), []).append((comparison, unpaired))
    return [_summed(*key, true[key[0][0]] - true[key[0][1]], each) for key, each in found.items()]


def kept(rows: Features, reference: Reference) -> KeptDistance:
    """What a run of these images would keep, the distances without each group of them always."""
    statistics = FeatureStatistics(rows.shape[1])
    statistics.add(rows)
    moments = statistics.mean_and_covariance()
    distances = DistancesWithout(len(rows), *moments, reference)
    without = []
    for group in np.split(rows, np.cumsum(group_sizes(len(rows)))[:-1]):
        statistics = FeatureStatistics(rows.shape[1])
        statistics.add(group)
        without.append(distances(statistics))
    return KeptDistance(
        frechet_distance(*moments, reference.mean, reference.covariance),
        rows.shape[1],
        len(rows),
        influence(rows, *moments, reference.mean, reference.covariance),
        np.array(without),
    )


def _summed(
    pair: tuple[str, str], num: int, method: str, true: float, found: Sequence[tuple[Comparison, float]]
) -> Coverage:
    comparisons = [comparison for comparison, _ in found]
    return Coverage(
        pair,
        num,
        method,
        held=float(np.mean([each.low <= true <= each.high for each in comparisons])),
        half_width=float(np.mean([each.half_width for each in comparisons])),
        unpaired=float(np.mean([unpaired for _, unpaired in found])),
        true=true,
        mean=float(np.mean([each.difference for each in comparisons])),
    )


def _mixture(truth: int, sizes: Sequence[int], repetitions: int) -> list[Coverage]:
    shared = ("+model=gaussian_mixture", "model.img_resolution=8", "seeds=0-1")
    runs = {name: prepare(*shared, *options) for name, options in MIXTURE.items()}
    reference = next(iter(runs.values())).reference
    assert reference is not None
    true: dict[str, float] = {}
    for name, run in runs.items():
        statistics = FeatureStatistics(_NUM_FEATURES)
        for rows in _batches(run, range(_FIRST_OF_TRUTH, _FIRST_OF_TRUTH + truth)):
            statistics.add(rows)
        true[name] = frechet_distance(*statistics.mean_and_covariance(), reference.mean, reference.covariance)
        to_stderr(f"{name}: the true distance is {true[name]:.5f}")

    def draw(repetition: int) -> dict[str, Features]:
        seeds = range(repetition * max(sizes), (repetition + 1) * max(sizes))
        return {name: np.concatenate([*_batches(run, seeds)]) for name, run in runs.items()}

    return coverage(draw, true, reference, sizes, repetitions)


def _batches(run: Run, seeds: range) -> Iterator[Features]:
    """Features of images; seeds of a batch at a time."""
    assert run.detector is not None
    for start in range(0, len(seeds), _BATCH):
        images, _, _ = sample_images(run.denoiser, run.config.sampler, seeds[start : start + _BATCH])
        yield run.detector(to_uint8(images)).numpy()


def _digits(truth: int, sizes: Sequence[int], repetitions: int) -> list[Coverage]:
    stored: dict[str, Features] = {}
    true: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in DIGITS.items():
            shared = ("+model=digits", f"seeds=0-{truth - 1}", f"results_dir={folder}", "keep_features=true")
            run = prepare(*shared, *options)
            true[name] = finish(run)["metrics"]["fd_digits"]
            work = Sampling(run).work()
            stored[name] = np.concatenate([work.read(block).features for block in work.blocks])
    assert run.reference is not None

    def draw(repetition: int) -> dict[str, Features]:
        chosen = np.random.default_rng(repetition).integers(truth, size=max(sizes))
        return {name: rows[chosen] for name, rows in stored.items()}

    return coverage(draw, true, run.reference, sizes, repetitions)


_MEASURED: dict[str, Callable[[int, Sequence[int], int], list[Coverage]]] = {"mixture": _mixture, "digits": _digits}


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--repetitions", default=200, show_default=True)
@click.option("--images", default=(1000, 3000), show_default=True, multiple=True, help="of a repetition")
@click.option("--truth", default=1_000_000, show_default=True, help="images of the mixture for each true distance")
@click.option("--stored", default=10_000, show_default=True, help="images of digits that are drawn from")
@click.option("--model", "models", default=tuple(_MEASURED), type=click.Choice(tuple(_MEASURED)), multiple=True)
def main(repetitions: int, images: tuple[int, ...], truth: int, stored: int, models: tuple[str, ...]) -> None:
    """Prints the page."""
    spread = 1.96 * (0.95 * 0.05 / repetitions) ** 0.5
    low, high = 95 - 100 * spread, min(95 + 100 * spread, 100)
    click.echo(INTRODUCTION.format(repetitions=repetitions, low=low, high=high, least=JACKKNIFE_BELOW))
    for model in models:
        num = truth if model == "mixture" else stored
        click.echo(_TITLES[model].format(truth=num))
        click.echo("| sampler | against | images | method | coverage | ± | unpaired ± | true difference | mean |")
        click.echo("| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
        found = _MEASURED[model](num, images, repetitions)
        for each in found:
            figures = [each.half_width, each.unpaired, each.true, each.mean]
            shown = [f"{100 * each.held:.1f} %", *(f"{figure:.4f}" for figure in figures)]
            click.echo(f"| {' | '.join([*each.pair, f'{each.num:,}', each.method, *shown])} |")
        used = [each.held for each in found if (each.method == "jackknife") == takes_over(each.num, _NUM_FEATURES)]
        click.echo(f"\nThe intervals that tables show cover {100 * min(used):.1f} to {100 * max(used):.1f} %.\n")


if __name__ == "__main__":
    main()
