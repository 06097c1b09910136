"""The whole of `sample` against its network and detector alone, against a plain pipeline, and by images and NFE."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bdia_edm.api import UserError
from scripts.plain_pipeline import run_plainly
from scripts.timing.clock import Took, Work, clocked, in_turns
from scripts.timing.figures import Figure, Section, combined, line_fit, shown
from scripts.timing.parts.denoiser import refusal, way_name
from scripts.timing.subject import Subject

__all__ = ["OVERHEAD", "RATIO", "RESIDUAL", "Apart", "measure"]

OVERHEAD = "an image over NFE × bare + detector"
RATIO = "plain pipeline's seconds an image over ours"
RESIDUAL = "largest distance from the line in {what}"
_WORDS = """\
EDM's sampler, {steps} steps, {nfe} evaluations, batches of {batch}: from the checked run to its record (`finish`), at
{sizes} images, in turns with evaluations of the bare network and the detector on such batches, and with
`scripts/plain_pipeline.py` on {plain} images of the same seeds. What an image takes is the slope of the line through
the times at these numbers of images in the same round; what a run takes beside its images is where the line begins."""
_NO_INTERVAL = """ The
record's interval is left out of both, as no plain pipeline has it; the part `distance` tells its seconds."""


class Apart(NamedTuple):
    """Seconds of what does not depend on the images' number, where it is measured apart: of 2,048 features.

    Attributes:
        root: of the plain pipeline's distance.
        interval: of the record's interval.
    """

    root: float = 0.0
    interval: float = 0.0


def measure(
    subject: Subject,
    sizes: Sequence[int],
    plain: int,
    repeats: int,
    ways: Sequence[str] = ("",),
    steps: Sequence[int] = (),
    apart: Apart | None = None,
) -> Section:
    """Overhead, ratio, and the line in images, of every way that is not refused; the line in NFE of the first.

    Args:
        sizes: numbers of images, two or more, of whole batches.
        plain: images of the plain pipeline.
        ways: options as of the part ``denoiser``; the plain pipeline has the defaults' network.
        steps: of EDM's sampler, for the line in NFE, at the least of ``sizes``; none for no line.
        apart: of a subject whose distance is measured apart; None: there is no telling of whole runs.
    """
    batch, nfe = subject.batch_size, subject.nfe
    works: dict[str, Work] = {"detector": subject.detection(batch), "plain": _plainly(subject, plain)}
    chosen: list[str] = []
    refused: list[str] = []
    for way in ways:
        try:
            works[f"{way} bare"] = subject.evaluation(batch, way)
        except UserError as error:
            refused.append(refusal(way, error))
            continue
        works |= {f"{way} {size}": subject.pipeline(size, *way.split()) for size in sizes}
        chosen.append(way)
    for num in steps if chosen else ():
        works[f"{num} steps"] = subject.pipeline(min(sizes), *chosen[0].split(), num_steps=num)
    # A larger run of the same batches does nothing for the first time.
    least = {f"{way} {min(sizes)}" for way in chosen} | {f"{way} bare" for way in chosen}
    took = in_turns(works, repeats, warm={"detector", "plain", *least})

    words = _WORDS.format(steps=subject.num_steps, nfe=nfe, batch=batch, sizes=_listed(sizes), plain=plain)
    section = Section("pipeline", subject.model, "The whole pipeline", words)
    section.words += _NO_INTERVAL if subject.is_large else ""
    section.words += f" Ours is with {way_name(chosen[0])}." if len(chosen) == 1 and chosen[0] else ""
    one_plain = [each.wall / plain for each in took["plain"]]
    section.figures.append(combined("plain pipeline, its distance apart", "images/s", lambda one: 1 / one, one_plain))
    lines: list[str] = []
    for way in chosen:
        before = f"{way_name(way)}: " if len(chosen) > 1 else ""
        at_sizes = [took[f"{way} {size}"] for size in sizes]
        fits = [line_fit(sizes, [found[turn].wall for found in at_sizes]) for turn in range(repeats)]
        slopes, fixed = [fit.slope for fit in fits], [fit.fixed for fit in fits]
        pairs = zip(took[f"{way} bare"], took["detector"], strict=True)
        pure = [(nfe * bare.wall + detector.wall) / batch for bare, detector in pairs]
        section.figures += [
            combined(f"{before}ours", "images/s", lambda slope: 1 / slope, slopes),
            combined(f"{before}NFE × bare + detector", "images/s", lambda one: 1 / one, pure),
            combined(f"{before}{OVERHEAD}", "%", lambda slope, one: 100 * (slope / one - 1), slopes, pure),
            Figure(f"{before}beside the images", tuple(fixed), "s a run"),
            combined(f"{before}{RATIO}", "×", lambda one, slope: one / slope, one_plain, slopes),
        ]
        if apart is not None:
            section.figures += _whole_runs(before, subject.card_images, apart, one_plain, slopes, fixed, pure)
        section.figures += _line(before, "images", sizes, at_sizes)
        for size in (min(sizes), max(sizes)):
            peaks = tuple(each.peak for each in took[f"{way} {size}"])
            section.figures.append(Figure(f"{before}most memory, {size} images", peaks, "MB"))
        lines.append(_points(f"{before}seconds by images", sizes, at_sizes))
    if steps and chosen:
        evaluations, at_steps = [2 * num - 1 for num in steps], [took[f"{num} steps"] for num in steps]
        section.figures += _line("", "NFE", evaluations, at_steps)
        lines.append(_points(f"seconds of {min(sizes)} images by NFE", evaluations, at_steps))
    section.after = "\n\n".join([*lines, *refused])
    return section


def _plainly(subject: Subject, images: int) -> Work:
    run, device = subject.run, subject.torch_device
    assert run.detector is not None
    detector = run.detector

    def work() -> Took:
        with tempfile.TemporaryDirectory(dir=subject.folder) as name:
            arguments = (range(images), subject.num_steps, subject.batch_size, device, Path(name))
            return clocked(lambda: run_plainly(run.denoiser, detector, *arguments), device)

    return work


def _whole_runs(
    before: str,
    images: int,
    apart: Apart,
    plain: Sequence[float],
    slopes: Sequence[float],
    fixed: Sequence[float],
    pure: Sequence[float],
) -> list[Figure]:
    """Runs of the card's number of images, by the lines; ours with its interval."""
    hours = combined(
        f"{before}a run of {images:,} images", "h", lambda a, b: (a + b * images + apart.interval) / 3600, fixed, slopes
    )
    over = combined(
        f"{before}the same over NFE × bare + detector",
        "%",
        lambda all_, one: 100 * (3600 * all_ / (images * one) - 1),
        hours.values,
        pure,
    )
    ratio = combined(
        f"{before}plain run over ours, {images:,} images",
        "×",
        lambda one, all_: (one * images + apart.root) / (3600 * all_),
        plain,
        hours.values,
    )
    return [hours, over, ratio]


def _line(before: str, what: str, x: Sequence[float], took: Sequence[Sequence[Took]]) -> list[Figure]:
    medians = [statistics.median(each.wall for each in found) for found in took]
    fit = line_fit(x, medians)
    return [Figure(f"{before}{RESIDUAL.format(what=what)}", (100 * fit.residual,), "%")]


def _points(what: str, x: Sequence[float], took: Sequence[Sequence[Took]]) -> str:
    medians = [statistics.median(each.wall for each in found) for found in took]
    fit = line_fit(x, medians)
    told = [
        f"{at}: {shown(each)} (line {shown(fit.fixed + fit.slope * at)})" for at, each in zip(x, medians, strict=True)
    ]
    return f"Medians, {what}: {', '.join(told)}."


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes[:-1])) + f" and {sizes[-1]}"
