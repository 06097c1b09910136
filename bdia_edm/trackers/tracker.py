"""What a tracker is, the trackers by name, and the one way from a record to one.

A module of this package makes its tracker known with ``@TRACKERS.add("name")``. A tracker comes after the record: what
goes wrong with it is said, and costs no run.
"""

from __future__ import annotations

import importlib.util
import sys
from abc import ABC, abstractmethod
from contextlib import redirect_stdout
from pathlib import Path
from typing import ClassVar

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import Say, one_line
from bdia_edm.base.option_names import named
from bdia_edm.base.registry import Registry
from bdia_edm.base.urls import without_secrets
from bdia_edm.records.record import Record

__all__ = ["TRACKERS", "Tracker", "check_tracker", "make_tracker", "track"]

_PACKAGE = __name__.partition(".")[0]


class Tracker(ABC):
    """A place where finished runs are shown. Made before the work without arguments, it imports its library then.

    Attributes:
        name: what the user types for it.
        library: the package that it needs, '' for none; what ours need is installed by the extra of their name.

    Raises:
        UserError: it is known beforehand that it will not work.
    """

    name: ClassVar[str]
    library: ClassVar[str] = ""

    @abstractmethod
    def log(self, record: Record, folder: Path) -> str:
        """Shows a finished run, where it was not shown before.

        Args:
            folder: the run's; its name is the run's.

        Returns:
            Where to look; '' where there is nothing new.

        Raises:
            Exception: whatever the library raises.
        """


def _fits(name: str, member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Tracker) and getattr(member, "name", None) == name


TRACKERS: Registry[type[Tracker]] = Registry(
    "tracker", "bdia_edm.trackers", _fits, "a class derived from Tracker, with this name as its attribute 'name'"
)
"""Every module of this package that registers one, and those that the user names."""


def check_tracker(name: str) -> None:
    """Raises UserError unless there is a tracker of that name whose library is installed; imports none."""
    kind = TRACKERS[name]
    if kind.library and importlib.util.find_spec(kind.library) is None:
        ours = kind.__module__.partition(".")[0] == _PACKAGE
        how = f"install it with pip install '.[{name}]'" if ours else "install it"
        raise UserError(f"{named('tracker')}={name}: needs {kind.library}; {how}")


def make_tracker(name: str) -> Tracker:
    """The tracker, its library imported.

    Raises:
        UserError: the tracker is unknown, or cannot work here.
    """
    check_tracker(name)
    try:
        # stdout is for results.
        with redirect_stdout(sys.stderr):
            return TRACKERS[name]()
    except UserError:
        raise
    except Exception as error:  # whatever a library raises
        raise UserError(f"{named('tracker')}={name}: cannot be used: {_reason(error)}") from error


def track(tracker: Tracker, record: Record, folder: Path, say: Say) -> None:
    """Logs a finished run and says where; what goes wrong is said too, and nothing else happens."""
    try:
        with redirect_stdout(sys.stderr):
            where = tracker.log(record, folder)
    except Exception as error:  # whatever a library raises: the record is written
        say(
            f"warning: tracker={tracker.name}: {folder.name} is not logged: {_reason(error)}; its record is kept, and "
            "the same command logs it again"
        )
    else:
        if where:
            say(f"logged: {without_secrets(where)}")


def _reason(error: Exception) -> str:
    return without_secrets(one_line(error))
