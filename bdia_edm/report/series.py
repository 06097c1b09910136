"""Which records may be compared, and which are one row: blocks of seeds of the same series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from bdia_edm.records.record import Record
from bdia_edm.report.verdict import Run

__all__ = ["at_subsets", "family_of", "series_of", "subject_of"]

_OF_DATA = ("reference", "images", "prompts")
"""Checksums that a record may have of what its images are held against, or are made of."""


def family_of(record: Record) -> tuple[object, ...]:
    """What records must share beside their seeds to be compared."""
    return (record["num_images"], *subject_of(record))


def subject_of(record: Record) -> tuple[object, ...]:
    """Of what a record is, whichever its images: the network, the class, the device and what it is held against."""
    checksums = record["checksums"]
    data = tuple(checksums.get(name, "") for name in ("model", "detector", *_OF_DATA))
    # Where there are several detectors, each further one, and its reference.
    others = tuple(sorted(each for each in checksums.items() if each[0].startswith(("detector ", "reference "))))
    return (
        record.get("task", "sample"),
        record["model"],
        record["class_idx"],
        record["device"]["type"],
        data,
        others,
        tuple(sorted(record.get("conditions", {}).items())),
    )


def series_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs of each row: one, or blocks of the same series, by their seeds."""
    series: dict[tuple[object, ...], list[Run]] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for index, run in enumerate(runs):
        record = run.record
        # Earlier versions did not say their series: each is one of its own.
        key = (family_of(record), record.get("series", index))
        # A copy of a record is no further block.
        copy = times[(*key, record["seeds"])]
        times[(*key, record["seeds"])] += 1
        series.setdefault((*key, copy), []).append(run)
    found: list[list[Run]] = []
    for blocks in series.values():
        ranges = [_ranges(run.record["seeds"]) for run in blocks]
        if len(blocks) > 1 and _are_disjoint(ranges):
            found.append([run for _, run in sorted(zip(ranges, blocks, strict=True), key=lambda pair: pair[0])])
        else:
            found += [[run] for run in blocks]
    return found


def at_subsets(found: Sequence[list[Run]]) -> list[list[Run]]:
    """A family's rows as they are, and each also at every proper part of its blocks that is all of another row's.

    So what has more blocks than another is held against it on the seeds that both have.

    Args:
        found: as of ``series_of``, of one family.
    """
    whole = dict.fromkeys(tuple(run.record["seeds"] for run in blocks) for blocks in found)
    # Looked up by their first block, or a hundred rows of other seeds each would be held against one another.
    by_first: dict[str, list[frozenset[str]]] = {}
    for seeds in whole:
        by_first.setdefault(seeds[0], []).append(frozenset(seeds))
    rows: list[list[Run]] = []
    for blocks in found:
        rows.append(blocks)
        own = [run.record["seeds"] for run in blocks] if len(blocks) > 1 else []
        for part in dict.fromkeys(part for seeds in own for part in by_first.get(seeds, ()) if part < {*own}):
            rows.append([run for run in blocks if run.record["seeds"] in part])
    return rows


def _ranges(seeds: str) -> list[tuple[int, int]]:
    """'0-99,200' as [(0, 99), (200, 200)]; nothing where it is of another form."""
    if not re.fullmatch(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*", seeds, re.ASCII):
        return []
    return [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in seeds.split(","))]


def _are_disjoint(blocks: Sequence[list[tuple[int, int]]]) -> bool:
    every = sorted(each for ranges in blocks for each in ranges)
    return all(blocks) and all(one[1] < other[0] for one, other in pairwise(every))
