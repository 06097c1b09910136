"""Where speed must land: each figure with its bound, met or not, or why it cannot be told here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.timing.figures import Section, shown
from scripts.timing.parts import distance, pipeline, reading

__all__ = ["TARGETS", "Target", "landing"]

Found = Callable[[Sequence[Section]], tuple[float, str]]
_SMALL_RESIDUAL, _FLAT = 5.0, 10.0
"""Per cent that count as a line, and as flat."""


class _Missing(Exception):
    """What a figure cannot be had from."""


@dataclass(frozen=True)
class Target:
    """One of them.

    Attributes:
        words: what must hold.
        found: the figure and its unit; raises ``_Missing`` with the reason where it was not measured.
        bound: that it must keep.
        most: whether that is the most, or the least.
        device: 'cpu', 'cuda', or '' for any: where it can be told.
    """

    words: str
    found: Found
    bound: float
    most: bool
    device: str = ""

    def row(self, sections: Sequence[Section], device: str) -> str:
        """Its row of the table."""
        bound = f"{'at most' if self.most else 'at least'} {self.bound:g}"
        if self.device and self.device != device:
            where = {"cuda": "a GPU", "cpu": "a CPU"}[self.device]
            return f"| {self.words} | {bound} | | needs {where}; the script is ready |"
        try:
            value, unit = self.found(sections)
        except _Missing as reason:
            return f"| {self.words} | {bound} | | {reason} |"
        met = value <= self.bound if self.most else value >= self.bound
        return f"| {self.words} | {bound} | {shown(value)} {unit} | {'met' if met else '**not met**'} |"


def landing(sections: Sequence[Section], device: str) -> str:
    """The table of all targets."""
    rows = [target.row(sections, device) for target in TARGETS]
    return "\n".join(["| what | bound | median here | |", "| --- | --- | ---: | --- |", *rows])


def _section(sections: Sequence[Section], part: str, of: str) -> Section:
    for section in sections:
        if (section.part, section.of) == (part, of):
            return section
    raise _Missing(f"not measured: part {part} of {of}")


def _figure(part: str, of: str, name: str) -> Found:
    def found(sections: Sequence[Section]) -> tuple[float, str]:
        for figure in _section(sections, part, of).figures:
            # Beside other ways the defaults are called so.
            if figure.name in (name, f"defaults: {name}"):
                return figure.median, figure.unit
        raise _Missing(f"not measured: {name}")

    return found


def _best(part: str, of: str, *ends: str) -> Found:
    """The largest of the figures whose name has one of these endings: of several ways the fastest."""

    def found(sections: Sequence[Section]) -> tuple[float, str]:
        fit = [figure for figure in _section(sections, part, of).figures if figure.name.endswith(ends)]
        if not fit:
            raise _Missing(f"not measured: {' or '.join(ends)}")
        best = max(fit, key=lambda figure: figure.median)
        return best.median, best.unit

    return found


def _over_fp32(of: str, precision: str) -> Found:
    """The fastest of a precision over the fastest of fp32, as images/s."""

    def found(sections: Sequence[Section]) -> tuple[float, str]:
        rates: dict[bool, float] = {}
        for figure in _section(sections, "denoiser", of).figures:
            plain = figure.name.startswith(("defaults", "`precision=fp32`"))
            if figure.unit == "images/s" and (plain or figure.name.startswith(f"`precision={precision}`")):
                rates[plain] = max(rates.get(plain, 0.0), figure.median)
        if len(rates) < 2:
            raise _Missing(f"not measured: {precision} (this processor has none, or it was not asked for)")
        return rates[False] / rates[True], "×"

    return found


def _over_defaults(of: str) -> Found:
    """The fastest way over the defaults, as images/s, each at its best batch."""

    def found(sections: Sequence[Section]) -> tuple[float, str]:
        rates: dict[bool, float] = {}
        for figure in _section(sections, "denoiser", of).figures:
            if figure.unit == "images/s":
                plain = figure.name.startswith("defaults")
                rates[plain] = max(rates.get(plain, 0.0), figure.median)
        if len(rates) < 2:
            raise _Missing("not measured: the defaults and another way")
        return rates[False] / rates[True], "×"

    return found


def _flatness(of: str) -> Found:
    """How much more memory the most images take than the fewest, in per cent."""

    def found(sections: Sequence[Section]) -> tuple[float, str]:
        peaks = [each.median for each in _section(sections, "pipeline", of).figures if "most memory" in each.name]
        if not peaks:
            raise _Missing("not measured: memory")
        return 100 * (max(peaks) / min(peaks) - 1), "%"

    return found


TARGETS: tuple[Target, ...] = (
    *(
        Target(
            f"{model}: pipeline over NFE × bare denoiser + detector",
            _figure("pipeline", model, pipeline.OVERHEAD),
            3,
            True,
            "cpu",
        )
        for model in ("digits", "cifar10")
    ),
    Target("cifar10: bf16 over fp32, where the processor has it", _over_fp32("cifar10", "bf16"), 1.8, False, "cpu"),
    Target("Fréchet distance of 2,048 features", _figure("distance", "machine", distance.OURS.format(2048)), 2, True),
    Target("scipy's sqrtm of the same", _figure("distance", "machine", distance.ROOT.format(2048)), 10, False),
    *(
        Target(
            f"reading images of {size}×{size}, over a plain reader",
            _figure("reading", "machine", reading.RATIO.format(size=size)),
            2,
            False,
        )
        for size in (32, 256)
    ),
    *(
        Target(
            f"{model}: largest distance from the line in {what}",
            _figure("pipeline", model, pipeline.RESIDUAL.format(what=what)),
            _SMALL_RESIDUAL,
            True,
        )
        for model in ("digits", "cifar10")
        for what in ("images", "NFE")
    ),
    *(
        Target(f"{model}: more memory for the most images than for the fewest", _flatness(model), _FLAT, True)
        for model in ("digits", "cifar10")
    ),
    Target("`table` of 2,000 records", _figure("records", "machine", "table of 2,000 records"), 2, True),
    Target("the same without plots", _figure("records", "machine", "table --no-plots of 2,000 records"), 2, True),
    Target("`status` of 2,000 records", _figure("records", "machine", "status of 2,000 records"), 2, True),
    Target(
        "`--help` beyond importing hydra", _figure("startup", "machine", "sample --help beyond import hydra"), 1, True
    ),
    Target(
        "first batch beyond importing torch", _figure("startup", "machine", "first batch beyond import torch"), 4, True
    ),
    Target(
        "cifar10: whole pipeline over the plain one", _best("pipeline", "cifar10", pipeline.RATIO), 4, False, "cuda"
    ),
    Target("cifar10: share of the dense peak", _best("denoiser", "cifar10", "of the peak"), 35, False, "cuda"),
    Target("imagenet64: fastest network over its defaults", _over_defaults("imagenet64"), 2, False, "cuda"),
)
