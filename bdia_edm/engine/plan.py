"""The plan of a run: its seeds, cut into blocks. A block is the unit of work, of loss and of resumption."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import overload

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.option_names import named

__all__ = ["Block", "Seeds", "cut_into_blocks", "format_seeds", "parse_seeds"]

_FORM = "seeds are numbers and ranges such as 0-4999 or '0-99,200-299', each below 2**32"
_DIGITS = 20
_LONGEST_SHOWN = 300


@dataclass(frozen=True)
class Block:
    """Consecutive images of a run.

    Attributes:
        index: the block's place in the run, from 0.
        start: how many images of the run come before it.
        seeds: one per image.
    """

    index: int
    start: int
    seeds: Sequence[int]

    @property
    def num(self) -> int:
        """How many images these are."""
        return len(self.seeds)


class Seeds(Sequence[int]):
    """Seeds as the ranges that they were given in: four billion take no more memory than one."""

    def __init__(self, ranges: Sequence[range]) -> None:
        self.ranges = tuple(ranges)
        self._starts = [0, *accumulate(map(len, self.ranges))]

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.ranges)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> Seeds: ...

    def __getitem__(self, at: int | slice) -> int | Seeds:
        places = range(len(self))[at]
        if isinstance(places, int):
            which = bisect_right(self._starts, places) - 1
            return self.ranges[which][places - self._starts[which]]
        if places.step != 1:
            return Seeds([range(self[place], self[place] + 1) for place in places])
        first, last = bisect_right(self._starts, places.start) - 1, bisect_left(self._starts, places.stop)
        parts = zip(self.ranges[first:last], self._starts[first:last], strict=True)
        return Seeds([each[max(places.start - start, 0) : max(places.stop - start, 0)] for each, start in parts])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seeds) and format_seeds(self) == format_seeds(other)

    def __hash__(self) -> int:
        return hash(format_seeds(self))

    def __repr__(self) -> str:
        return f"Seeds({format_seeds(self)})"


class Blocks(Sequence[Block]):
    """The blocks of some seeds, each made when it is asked for."""

    def __init__(self, seeds: Sequence[int], block_size: int) -> None:
        self._seeds = seeds
        self._starts = range(0, len(seeds), block_size)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> Block: ...

    @overload
    def __getitem__(self, at: slice) -> list[Block]: ...

    def __getitem__(self, at: int | slice) -> Block | list[Block]:
        places = range(len(self))[at]
        return self._block(places) if isinstance(places, int) else [self._block(place) for place in places]

    def _block(self, index: int) -> Block:
        start = self._starts[index]
        return Block(index, start, self._seeds[start : start + self._starts.step])


def parse_seeds(text: object) -> Seeds:
    """'0-99,200' (or a list of such) to the seeds in the order given.

    Raises:
        UserError: nothing there, not of that form, a range reversed, a seed twice or too large.
    """
    parts = [str(part) for part in text] if isinstance(text, Sequence) and not isinstance(text, str) else [str(text)]
    given = ",".join(parts) if len(parts) > 1 else str(text)
    given = printable(given if len(given) <= _LONGEST_SHOWN else f"{given[:60]}... ({len(given):,} characters)")
    given = f"{named('seeds')}={given}"
    ranges: list[range] = []
    for part in ",".join(parts).split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part, re.ASCII)
        if not match:
            raise UserError(f"{given}: {printable(part.strip()[:60]) or 'an empty entry'} is no seed; {_FORM}")
        # Python reads no number of over 4,300 digits.
        if max(len(number or "") for number in match.groups()) > _DIGITS:
            raise UserError(f"{given}: {printable(part.strip()[:60])} is too large; {_FORM}")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first:
            raise UserError(f"{given}: the range {part.strip()} is reversed; {_FORM}")
        if last >= 2**32:
            raise UserError(f"{given}: {last} is too large; {_FORM}")
        ranges.append(range(first, last + 1))
    ordered = sorted(ranges, key=lambda each: each.start)
    if any(left.stop > right.start for left, right in pairwise(ordered)):
        raise UserError(f"{given}: the entries overlap, and each seed is one image; {_FORM}")
    return Seeds(ranges)


def format_seeds(seeds: Sequence[int]) -> str:
    """The shortest text that ``parse_seeds`` takes back."""
    ranges = seeds.ranges if isinstance(seeds, Seeds) else [range(seed, seed + 1) for seed in seeds]
    runs: list[list[int]] = []
    for each in ranges:
        if runs and each.start == runs[-1][1]:
            runs[-1][1] = each.stop
        else:
            runs.append([each.start, each.stop])
    return ",".join(str(first) if first + 1 == end else f"{first}-{end - 1}" for first, end in runs)


def cut_into_blocks(seeds: Sequence[int], block_size: int) -> Sequence[Block]:
    """Blocks of ``block_size`` images, the last one perhaps smaller."""
    return Blocks(seeds, block_size)
