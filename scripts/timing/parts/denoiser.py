"""The bare denoiser in every way and batch, beside the machine's own peak in that precision."""

from __future__ import annotations

from collections.abc import Sequence

from bdia_edm.api import UserError
from scripts.timing.clock import Work, in_turns
from scripts.timing.figures import Figure, Section
from scripts.timing.flops import flops_of
from scripts.timing.machine import matrix_product, product_flops
from scripts.timing.subject import Subject

__all__ = ["measure", "refusal", "way_name"]

_WORDS = """\
`denoiser(x, sigma, labels)` on noise, nothing around it, {gflop:.4g} GFLOP an image (twice the multiply-adds of
convolutions, matrix products and attention). The peak is a large square matrix product in the same precision, in the
same turns."""


def measure(subject: Subject, ways: Sequence[str], batches: Sequence[int], repeats: int) -> Section:
    """Images/s, GFLOP/s and the share of the peak of every way at every batch.

    Args:
        ways: options of ``sample`` as they are typed, such as 'precision=bf16 compile=default'; '' is none. One that
            is refused here is named with the reason.
    """
    device = subject.torch_device
    x, labels = subject.noise(1)
    flops = flops_of(lambda: subject.run.denoiser(x, 1.0, labels))
    works: dict[str, Work] = {}
    chosen: list[str] = []
    refused: list[str] = []
    for way in ways:
        try:
            works |= {f"{way} {batch}": subject.evaluation(batch, way) for batch in _batches(way, subject, batches)}
            chosen.append(way)
        except UserError as error:
            refused.append(refusal(way, error))
    precisions = {way: subject.prepare(*way.split(), "detector=none").precision for way in chosen}
    works |= {f"peak {name}": matrix_product(name, device) for name in sorted({*precisions.values()})}
    took = in_turns(works, repeats)
    section = Section(
        "denoiser", subject.model, "The bare denoiser", _WORDS.format(gflop=flops / 1e9), after="\n".join(refused)
    )
    for precision in sorted({*precisions.values()}):
        rates = tuple(product_flops(device) / each.wall / 1e9 for each in took[f"peak {precision}"])
        section.figures.append(Figure(f"peak, {precision}", rates, "GFLOP/s"))
    for way, precision in precisions.items():
        peak = [each.wall for each in took[f"peak {precision}"]]
        for batch in _batches(way, subject, batches):
            seconds = [each.wall for each in took[f"{way} {batch}"]]
            name = f"{way_name(way)}, batch {batch}"
            rates = tuple(batch * flops / each / 1e9 for each in seconds)
            share = tuple(
                100 * rate * 1e9 * product / product_flops(device) for rate, product in zip(rates, peak, strict=True)
            )
            section.figures += [
                Figure(name, tuple(batch / each for each in seconds), "images/s"),
                Figure(f"{name}: speed", rates, "GFLOP/s"),
                Figure(f"{name}: of the peak", share, "%"),
            ]
    return section


def _batches(way: str, subject: Subject, batches: Sequence[int]) -> Sequence[int]:
    """A compiled network is measured at one batch: each takes the compiler a minute or more."""
    return [subject.batch_size] if "compile=" in way and "compile=off" not in way else batches


def way_name(way: str) -> str:
    """How it is called in tables."""
    return f"`{way}`" if way else "defaults"


def refusal(way: str, error: UserError) -> str:
    """That a way is left out, and why."""
    return f"{way_name(way)} is not measured here: {error}."
