"""Trackers of the user's own: one that works, one that fails when it logs, and two that cannot be used."""

from __future__ import annotations

from pathlib import Path

from bdia_edm.records.record import Record
from bdia_edm.trackers.tracker import TRACKERS, Tracker


@TRACKERS.add("toy")
class ToyTracker(Tracker):
    """A line for every run in toy.txt beside the runs' folders."""

    name = "toy"

    def log(self, record: Record, folder: Path) -> str:
        print("what a library prints")
        with (folder.parent / "toy.txt").open("a") as file:
            file.write(f"{folder.name} {record['nfe']}\n")
        return str(folder.parent / "toy.txt")


@TRACKERS.add("toy_unreachable")
class Unreachable(Tracker):
    """It cannot log."""

    name = "toy_unreachable"

    def log(self, record: Record, folder: Path) -> str:
        raise ConnectionError("no answer\nfrom https://me:secret@host/x?token=secret")


@TRACKERS.add("toy_missing")
class Missing(ToyTracker):
    """Its library is not installed."""

    name = "toy_missing"
    library = "no_such_library"


@TRACKERS.add("toy_broken")
class Broken(ToyTracker):
    """Its library is installed and fails."""

    name = "toy_broken"

    def __init__(self) -> None:
        raise ImportError("libsomething.so.1: no such file")
