"""What torchrun, or who acts like it (srun), tells a process by the environment: its number, of how many, and where.

Such variables can also be left over, in a shell or a notebook, from something else.
"""

from __future__ import annotations

import os
import re

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable

__all__ = ["MEETING_PLACE", "described", "how_to_unset", "launch_number", "launched_ranks"]

MEETING_PLACE = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""Without one of these a process was started alone."""
_LOWEST = {
    "RANK": 0,
    "WORLD_SIZE": 1,
    "LOCAL_RANK": 0,
    "LOCAL_WORLD_SIZE": 1,
    "MASTER_PORT": 1,
    "TORCHELASTIC_RESTART_COUNT": 0,
}
_HIGHEST_PORT = 65535
_SHOWN = 80
_OF = {"RANK": "WORLD_SIZE", "LOCAL_RANK": "LOCAL_WORLD_SIZE"}


def launched_ranks() -> int | None:
    """How many processes were started together with this one; None where it was started alone.

    Raises:
        UserError: one of the variables is malformed.
    """
    numbers = {name: launch_number(name) for name in _LOWEST}
    for name, of in _OF.items():
        number, size = numbers[name], numbers[of]
        if number is not None and size is not None and number >= size:
            raise _malformed(name, f"below {of}={size}")
    if re.search(r"[^!-~]", os.environ.get("MASTER_ADDR", "")):
        raise _malformed("MASTER_ADDR", "the name or address of a machine")
    return numbers["WORLD_SIZE"] if all(os.environ.get(name) for name in MEETING_PLACE) else None


def launch_number(name: str) -> int | None:
    """The number in this variable; None where it is not set.

    Raises:
        UserError: it is no such number.
    """
    text = os.environ.get(name)
    if not text:
        return None
    number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if name == "MASTER_PORT" and not 1 <= number <= _HIGHEST_PORT:
        raise _malformed(name, f"a port, from 1 to {_HIGHEST_PORT}")
    if number < _LOWEST[name]:
        raise _malformed(name, f"a whole number from {_LOWEST[name]}")
    return number


def described() -> str:
    """The variables that name the meeting place, with their values."""
    return ", ".join(f"{name}={printable(os.environ.get(name, ''))}" for name in MEETING_PLACE)


def how_to_unset() -> str:
    """The shell's command that takes all of the launcher's variables away that are there."""
    return " ".join(["unset", *(name for name in dict.fromkeys([*MEETING_PLACE, *_LOWEST]) if name in os.environ)])


def _malformed(name: str, allowed: str) -> UserError:
    shown = printable(os.environ[name])[:_SHOWN]
    return UserError(
        f"{name}={shown}: must be {allowed}; it is one of torchrun's variables, and where it is left over: "
        f"{how_to_unset()}"
    )
