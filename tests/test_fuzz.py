"""Damaged inputs, a few for every reader; and that the fuzzer finds what it is for."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import to_stderr
from scripts import fuzz
from scripts.fuzz import Limits, Tally, fault_of, main
from scripts.fuzzing.child import Case, Observation, Reader
from scripts.fuzzing.readers import READERS

# Commands take longer than a function that reads.
SLOWER = {"record": 8, "selection": 8, "notes": 20, "card": 8, "experiment": 6, "options": 8}


@pytest.mark.parametrize("name", READERS)
def test_what_is_damaged_is_read_or_refused_in_a_line(name: str) -> None:
    tally = fuzz.fuzz(READERS[name], seed=1, limits=Limits(), cases=SLOWER.get(name, 40))
    assert tally.faults == {}
    # Some of the damage is noticed.
    assert tally.outcomes["refused"] > 0 or name in ("notes", "shard")


def samples() -> list[Case]:
    return [Case("good.txt", b"good")]


def other(case: Case, random: Random) -> Case:
    return Case(
        case.name,
        random.choice((b"good", b"refuse", b"skip", b"raise", b"two lines", b"escape", b"warn", b"take", b"hang")),
    )


def misread(path: Path) -> None:
    """Every fault that a reader can have, each asked for by name."""
    match path.read_text():
        case "refuse":
            raise UserError("no")
        case "skip":
            to_stderr("a part is skipped")
            raise UserError("no")
        case "raise":
            raise ValueError("one of thousands")
        case "two lines":
            print("first", flush=True)
            raise UserError("one\nand another")
        case "escape":
            print("\x1b[31mred", flush=True)
        case "warn":
            print("x.py:1: RuntimeWarning: divide by zero", flush=True)
        case "take":
            bytearray(60 << 20)
        case "hang":
            while True:
                pass


BAD = Reader("bad", samples, other, misread)
LIMITS = Limits(seconds=1.5, megabytes=20)
FAULTS = {
    "raises ValueError",
    "refused in two lines: error one and another",
    "what is shown is not printable",
    "another library's RuntimeWarning is shown",
    "takes more than 1.5 s",
    "takes more than 4 times its size and 20 MB",
}


def test_every_fault_is_found_and_kept_to_be_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "bad", BAD)
    monkeypatch.setattr(fuzz, "Limits", lambda: LIMITS)
    names = next(option for option in main.params if option.name == "names")
    monkeypatch.setattr(names.type, "choices", list(READERS))
    done = CliRunner().invoke(main, ["--reader", "bad", "--cases", "30", "--dest", str(tmp_path)])
    assert done.exit_code == 1
    assert {line.strip().rpartition(" (")[0] for line in done.stdout.splitlines()[1:]} == FAULTS
    kept = list((tmp_path / "bad").iterdir())
    assert len(kept) == len(FAULTS)
    for path in kept:
        again = CliRunner().invoke(main, ["--replay", str(path)])
        assert again.exit_code == 1
        assert again.stdout.splitlines()[-1] in FAULTS
    good = tmp_path / "bad" / "0-good.txt"
    for text in ("refuse", "skip"):
        good.write_text(text)
        again = CliRunner().invoke(main, ["--replay", str(good)])
        assert (again.exit_code, again.stdout.splitlines()[-1]) == (0, "as it should be")


def test_what_a_process_dies_of_is_found() -> None:
    assert fault_of(Observation("died", "exit status -11"), 5, LIMITS) == "the process died, exit status -11"


def test_the_smallest_case_is_kept() -> None:
    tally = Tally()
    for number, size in enumerate((5, 3, 9)):
        tally.add(number, Case("a", bytes(size)), Observation("raised"), "raises ValueError")
    assert tally.smallest == {"raises ValueError": (1, Case("a", bytes(3)))}


@pytest.mark.parametrize("name", READERS)
def test_a_seed_gives_the_same_cases_and_small_ones(name: str) -> None:
    reader = READERS[name]
    samples = reader.samples()
    largest = max(len(sample.data) for sample in samples)

    def cases() -> list[Case]:
        return [reader.damage(samples[seed % len(samples)], Random(seed)) for seed in range(60)]

    first = cases()
    assert first == cases()
    assert samples == reader.samples()
    assert len({case.data for case in first}) > 30
    assert max(len(case.data) for case in first) < largest + (8 << 20)
