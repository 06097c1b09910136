"""The plan of a run: its seeds, cut into blocks. A block is the unit of work, of loss and of resumption."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bdia_edm.base.errors import UserError

__all__ = ["Block", "cut_into_blocks", "format_seeds", "parse_seeds"]

_FORM = "seeds are numbers and ranges such as 0-4999 or '0-99,200-299', each below 2**32"


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
    seeds: tuple[int, ...]

    @property
    def num(self) -> int:
        """How many images these are."""
        return len(self.seeds)


def parse_seeds(text: object) -> list[int]:
    """'0-99,200' (or a list of such) to the seeds in the order given.

    Raises:
        UserError: nothing there, not of that form, a range reversed, a seed twice or too large.
    """
    parts = [str(part) for part in text] if isinstance(text, Sequence) and not isinstance(text, str) else [str(text)]
    seeds: list[int] = []
    for part in ",".join(parts).split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if not match:
            raise UserError(f"seeds={text}: {part.strip() or 'an empty entry'} is no seed; {_FORM}")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if last < first:
            raise UserError(f"seeds={text}: the range {part.strip()} is reversed; {_FORM}")
        if last >= 2**32:
            raise UserError(f"seeds={text}: {last} is too large; {_FORM}")
        seeds.extend(range(first, last + 1))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds={text}: the entries overlap, and each seed is one image; {_FORM}")
    return seeds


def format_seeds(seeds: Sequence[int]) -> str:
    """The shortest text that ``parse_seeds`` takes back."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def cut_into_blocks(seeds: Sequence[int], block_size: int) -> list[Block]:
    """Blocks of ``block_size`` images, the last one perhaps smaller."""
    starts = range(0, len(seeds), block_size)
    return [Block(index, start, tuple(seeds[start : start + block_size])) for index, start in enumerate(starts)]
