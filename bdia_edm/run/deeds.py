"""What a kind of run does: what ``finish`` asks of it on the way to the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

from bdia_edm.base.lines import Say
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.shards import BlockResults
from bdia_edm.records.record import Record

__all__ = ["Deeds"]

R = TypeVar("R", bound=BlockResults)


class Deeds(Protocol[R]):
    """The deeds of one run."""

    @property
    def keeps_shards(self) -> bool:
        """Whether the shards stay when the record is written."""

    def work(self) -> BlockWork[R]:
        """The run's blocks, to be made and found."""

    def has_all(self) -> bool:
        """Whether everything that was asked for beside the record is there."""

    def words(self) -> str:
        """What tells the run from others, in words."""

    def warnings(self) -> list[str]:
        """What makes the figures doubtful and is known before the first image."""

    def summarize(self, shards: Iterator[R], facts: Mapping[str, Any], say: Say) -> Record:
        """Writes what the shards, read in block order, come to, and last the record.

        Args:
            facts: of this start, for the record.
            say: takes lines for the user.
        """
