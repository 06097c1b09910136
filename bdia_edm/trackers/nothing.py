"""No tracker: the record is enough."""

from __future__ import annotations

from pathlib import Path

from bdia_edm.records.record import Record
from bdia_edm.trackers.tracker import TRACKERS, Tracker

__all__ = ["Nothing"]


@TRACKERS.add("none")
class Nothing(Tracker):
    """No tracker."""

    name = "none"

    def log(self, record: Record, folder: Path) -> str:
        return ""
