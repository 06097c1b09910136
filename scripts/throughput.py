"""Measures how fast this program is, against its network alone, the machine's peak and a plain pipeline, in one run.

    python -m scripts.throughput                                                  digits, a few minutes
    python -m scripts.throughput --model cifar10 --part denoiser --part pipeline
    python -m scripts.throughput --model cifar10 --way precision=bf16 --way "precision=bf16 compile=max"
    python -m scripts.throughput --model cifar10 --target --json speed.json       unattended on a GPU, 8 minutes
    python -m scripts.throughput --pages results/speed                            what results/speed.md shows, in 10

A released network has its card's shape and made weights: nothing is fetched. What is compared is measured in turns;
medians are shown, and the least and the largest. Other work on the machine spoils every figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import torch

from bdia_edm.base.errors import one_line_errors
from bdia_edm.base.lines import to_stderr, to_stdout
from bdia_edm.engine.device import choose_device
from scripts.timing.figures import Section
from scripts.timing.machine import described
from scripts.timing.parts import denoiser, distance, hours, pipeline, profile, reading, records, sampler, startup
from scripts.timing.sizes import default_ways, sizes_of
from scripts.timing.subject import RELEASED, Subject
from scripts.timing.targets import landing

__all__ = ["MACHINE_PARTS", "MODEL_PARTS", "Wanted", "main", "measured"]

MACHINE_PARTS = ("startup", "distance", "reading", "records", "hours")
"""Those that no model has a part in; they are measured once, first."""
MODEL_PARTS = ("denoiser", "sampler", "pipeline", "profile")
_FEATURES, _FEATURE_IMAGES, _RECORDS = 2048, 5000, 2000
_QUICK_FEATURES, _QUICK_FEATURE_IMAGES, _QUICK_RECORDS = 64, 200, 200


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Attributes:
        models: cards, digits or released networks.
        parts: of ``MACHINE_PARTS`` and ``MODEL_PARTS``.
        device: as the option of ``sample``.
        ways: options of ``sample``, each way as one text; none for each part's own.
        batch: images at once; None for the sizes' own.
        repeats: rounds.
        quick: the least that still is a figure, for a look whether all works.
    """

    models: Sequence[str] = ("digits",)
    parts: Sequence[str] = (*MACHINE_PARTS, *MODEL_PARTS)
    device: str = "auto"
    ways: Sequence[str] = ()
    batch: int | None = None
    repeats: int = 3
    quick: bool = False

    @cached_property
    def torch_device(self) -> torch.device:
        """The device itself."""
        return choose_device(self.device)


def measured(wanted: Wanted) -> Iterator[Section]:
    """The sections, one after the other as they are finished; the machine's first."""
    apart: pipeline.Apart | None = None
    for part in MACHINE_PARTS:
        if part in wanted.parts:
            to_stderr(f"{part} ...")
            section = _of_machine(part, wanted)
            if part == "distance":
                names = (distance.ROOT, distance.INTERVAL)
                apart = pipeline.Apart(*(section[name.format(_features(wanted)[0])].median for name in names))
            yield section
    for model in wanted.models:
        sizes = sizes_of(model, wanted.torch_device, wanted.quick)
        sizes = sizes if wanted.batch is None else sizes.with_batch(wanted.batch)
        parts = [part for part in MODEL_PARTS if part in wanted.parts]
        if not parts:
            continue
        with Subject.made(model, wanted.device, sizes.batch, sizes.num_steps) as subject:
            for part in parts:
                to_stderr(f"{model}: {part} ...")
                ways = wanted.ways or default_ways(part, wanted.torch_device)
                if part == "denoiser":
                    yield denoiser.measure(subject, ways, sizes.batches, wanted.repeats)
                elif part == "sampler":
                    yield sampler.measure(subject, wanted.repeats)
                elif part == "pipeline":
                    costs = apart if subject.is_large else pipeline.Apart()
                    yield pipeline.measure(subject, sizes.images, sizes.plain, wanted.repeats, ways, sizes.steps, costs)
                else:
                    yield profile.measure(subject, sizes.profiled)


def _of_machine(part: str, wanted: Wanted) -> Section:
    if part == "startup":
        return startup.measure(wanted.repeats)
    if part == "distance":
        return distance.measure(*_features(wanted), wanted.repeats)
    if part == "reading":
        return reading.measure(wanted.repeats, wanted.quick)
    if part == "records":
        return records.measure(_QUICK_RECORDS if wanted.quick else _RECORDS, wanted.repeats)
    return hours.measure(wanted.torch_device, wanted.ways or default_ways(part, wanted.torch_device), wanted.repeats)


def _features(wanted: Wanted) -> tuple[int, int]:
    """Of the part ``distance``: how many, and of how many images."""
    return (_QUICK_FEATURES, _QUICK_FEATURE_IMAGES) if wanted.quick else (_FEATURES, _FEATURE_IMAGES)


def _machine_words(facts: dict[str, Any]) -> str:
    """The machine and the versions in a line of a page."""
    device, versions = facts["device"], facts["versions"]
    code = facts["code"].get("commit", facts["code"]["source"])[:12]
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    load = "" if facts["load"] is None else f", load {facts['load']:.1f} at the start"
    return f"{device['name']}, {facts['usable_cores']} cores, {facts['threads']} threads{load}; {told}; code {code}."


def _write_pages(folder: Path, words: str, sections: Sequence[Section], device: str) -> None:
    """A page for the machine and one for each model, and one of the landing figures."""
    folder.mkdir(parents=True, exist_ok=True)
    for of in dict.fromkeys(section.of for section in sections):
        parts = [section.markdown() for section in sections if section.of == of]
        title = "Without a model" if of == "machine" else of
        (folder / f"{of}.md").write_text("\n".join([f"# Speed: {title}", "", words, "", *parts]).rstrip() + "\n")
    page = ["# Speed: where it must land", "", words, "", landing(sections, device)]
    (folder / "landing.md").write_text("\n".join(page) + "\n")


@click.command(help=__doc__)
@click.option("--model", "models", multiple=True, type=click.Choice(("digits", *RELEASED)), help="one or more; digits")
@click.option("--part", "parts", multiple=True, type=click.Choice((*MACHINE_PARTS, *MODEL_PARTS)), help="some; all")
@click.option("--device", default="auto", show_default=True, help="as of bdia_edm.sample")
@click.option("--precision", "precisions", multiple=True, help="one or more, short for --way precision=...")
@click.option("--way", "ways", multiple=True, help="options of bdia_edm.sample to compare, in one text; '' is none")
@click.option("--batch", type=click.IntRange(1), help="images at once")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(1), help="rounds")
@click.option("--quick", is_flag=True, help="the least of everything: whether it works, not how fast")
@click.option("--target", is_flag=True, help="also whether each figure is where it must land")
@click.option("--json", "dest", type=click.Path(dir_okay=False, path_type=Path), help="a file for all figures")
@click.option(
    "--pages", type=click.Path(file_okay=False, path_type=Path), help="a folder for pages, of digits and cifar10"
)
def main(
    models: tuple[str, ...],
    parts: tuple[str, ...],
    device: str,
    precisions: tuple[str, ...],
    ways: tuple[str, ...],
    batch: int | None,
    repeats: int,
    quick: bool,
    target: bool,
    dest: Path | None,
    pages: Path | None,
) -> None:
    """Prints the tables of what was chosen."""
    if quick and (target or pages):
        raise click.UsageError("--quick says nothing of speed; leave it out for --target and --pages")
    with one_line_errors():
        wanted = Wanted(
            models=models or (("digits", "cifar10") if pages else ("digits",)),
            parts=parts or (*MACHINE_PARTS, *MODEL_PARTS),
            device=device,
            ways=(*ways, *(f"precision={each}" for each in precisions)),
            batch=batch,
            repeats=repeats,
            quick=quick,
        )
        facts = described(wanted.torch_device)
        words, sections = _machine_words(facts), []
        to_stdout(f"{words}\n")
        for section in measured(wanted):
            to_stdout(f"<!-- {section.part} of {section.of} -->\n{section.markdown()}")
            sections.append(section)
        kind = wanted.torch_device.type
        if target:
            to_stdout(landing(sections, kind))
        if dest is not None:
            found = {**facts, "sections": [section.as_json() for section in sections]}
            dest.write_text(json.dumps(found, indent=2) + "\n")
        if pages is not None:
            _write_pages(pages, words, sections, kind)


if __name__ == "__main__":
    main()
