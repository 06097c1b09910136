"""Damages what users give, in every way but by sense, and looks at what the readers make of it.

    python -m scripts.fuzz --seconds 120                 every reader for two minutes
    python -m scripts.fuzz --reader card --cases 500     one reader, a fixed number of cases
    python -m scripts.fuzz --replay fuzz-findings/card/17-mine.yaml

What has to come of every case: it is read, or refused in one line that a terminal can show, within 10 seconds and four
times the input's size and 200 MB of memory. Case number n of a reader depends on the seed and n alone.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import click

from scripts.fuzzing.child import Case, Child, Observation, Reader
from scripts.fuzzing.readers import READERS

__all__ = ["Limits", "Tally", "fault_of", "fuzz", "main"]

_LONGEST_LINE = 1500
_OTHER_VOICE = re.compile(r"(\w+Warning): |^(Traceback)", re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """What a case may take."""

    seconds: float = 10
    megabytes: float = 200
    times_its_size: float = 4


@dataclass
class Tally:
    """What came of a reader's cases: how many of each outcome, and of each fault how many and the smallest case."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    smallest: dict[str, tuple[int, Case]] = field(default_factory=dict)

    def add(self, number: int, case: Case, found: Observation, fault: str | None) -> None:
        """Counts the case."""
        self.outcomes[found.outcome] += 1
        if fault is not None:
            self.faults[fault] += 1
            known = self.smallest.get(fault)
            if known is None or len(case.data) < len(known[1].data):
                self.smallest[fault] = number, case


def fault_of(found: Observation, size: int, limits: Limits) -> str | None:
    """What is wrong with what came of an input of ``size`` bytes, in words that are the same for the same kind."""
    if found.outcome == "endless" or found.seconds > limits.seconds:
        return f"takes more than {limits.seconds:g} s"
    if found.outcome == "died":
        return f"the process died, {found.words}"
    if found.outcome == "raised":
        return f"raises {found.where}"
    if found.megabytes > limits.megabytes + limits.times_its_size * size / 1e6:
        return f"takes more than {limits.times_its_size:g} times its size and {limits.megabytes:g} MB"
    if "\n" in found.words:
        return f"refused in {'two' if found.words.count(chr(10)) == 1 else 'more than two'} lines: {_kind(found.words)}"
    if not found.words.isprintable():
        return "refused in a line that is not printable"
    if len(found.words) > _LONGEST_LINE:
        return f"refused in a line of more than {_LONGEST_LINE} characters: {_kind(found.words)}"
    if found.outcome == "refused" and not found.words.strip():
        return "refused without a word"
    voice = _OTHER_VOICE.search(found.said)
    if voice:
        return f"another library's {voice[1] or voice[2]} is shown"
    if not all(line.replace("\t", "").isprintable() for line in found.said.split("\n")):
        return "what is shown is not printable"
    return None


def _kind(words: str) -> str:
    """The letters of the last words, which mostly are the reason: without the case's own numbers and names."""
    return " ".join(re.findall(r"[A-Za-z]{2,12}\b", words[-2000:]))[-60:]


def fuzz(reader: Reader, seed: int, limits: Limits, seconds: float | None = None, cases: int | None = None) -> Tally:
    """Reads damaged inputs until ``seconds`` are over or ``cases`` were read.

    Raises:
        RuntimeError: the reader does not take its good inputs.
    """
    samples = reader.samples()
    child = Child(reader)
    try:
        for sample in samples:  # what a first case imports and loads is not counted as a damaged one's
            found = child.observe(sample, 60)
            if found.outcome != "read":
                raise RuntimeError(f"{reader.name} does not read a good {sample.name}: {found}")
        tally = Tally()
        for number in _numbers(seconds, cases):
            random = Random(f"{seed}/{reader.name}/{number}")
            case = reader.damage(random.choice(samples), random)
            found, fault = _observed(child, case, limits)
            tally.add(number, case, found, fault)
    finally:
        child.end()
    return tally


def _observed(child: Child, case: Case, limits: Limits) -> tuple[Observation, str | None]:
    """A fault counts when it is there again: other programs on the machine take time too."""
    for _ in range(2):
        found = child.observe(case, limits.seconds)
        fault = fault_of(found, len(case.data), limits)
        if fault is None:
            break
    return found, fault


def _numbers(seconds: float | None, cases: int | None) -> Iterator[int]:
    start, number = time.monotonic(), 0
    while (cases is None or number < cases) and (seconds is None or time.monotonic() - start < seconds):
        yield number
        number += 1


def _report(name: str, tally: Tally, dest: Path) -> None:
    outcomes = ", ".join(f"{num} {outcome}" for outcome, num in sorted(tally.outcomes.items()))
    total, findings = tally.outcomes.total(), len(tally.faults)
    click.echo(f"{name:<13} {total:>6} cases: {outcomes or 'none'}; {findings or 'no'} finding{'s'[: findings != 1]}")
    for fault, num in tally.faults.most_common():
        number, case = tally.smallest[fault]
        path = dest / name / f"{number}-{case.name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.data)
        click.echo(f"  {fault} ({num} cases): {path}")


def _replay(path: Path, name: str, limits: Limits) -> str | None:
    case = Case(path.name.partition("-")[2] or path.name, path.read_bytes())
    child = Child(READERS[name])
    try:
        child.observe(READERS[name].samples()[0], 60)
        found = child.observe(case, limits.seconds)
    finally:
        child.end()
    click.echo(f"{path}: {found.outcome} in {found.seconds:.2f} s, {found.megabytes:.0f} MB")
    for text in (found.where, found.words, found.said):
        click.echo(repr(text[:2000]))
    return fault_of(found, len(case.data), limits)


@click.command()
@click.option("--seconds", type=float, help="of each reader")
@click.option("--cases", type=int, help="of each reader, at most")
@click.option("--reader", "names", multiple=True, type=click.Choice(list(READERS)), help="one of them; several times")
@click.option("--seed", default=0, show_default=True, help="other cases")
@click.option(
    "--dest", default="fuzz-findings", show_default=True, type=click.Path(path_type=Path), help="for findings"
)
@click.option("--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="a finding, once more")
def main(
    seconds: float | None, cases: int | None, names: tuple[str, ...], seed: int, dest: Path, replay: Path | None
) -> None:
    """Reads damaged inputs with every reader; exit status 1 where one does what it must not."""
    limits = Limits()
    if replay is not None:
        fault = _replay(replay, names[0] if names else replay.parent.name, limits)
        click.echo(fault or "as it should be")
        sys.exit(fault is not None)
    if seconds is None and cases is None:
        raise click.UsageError("give --seconds, --cases or both")
    any_fault = False
    for name in names or READERS:
        tally = fuzz(READERS[name], seed, limits, seconds, cases)
        _report(name, tally, dest)
        any_fault |= bool(tally.faults)
    sys.exit(any_fault)


if __name__ == "__main__":
    main()
