"""What an option is called where the user gave it: ``num`` in Python, ``--num`` on a command line.

Checks stand where the work is done and call an option by that place's name. Who takes options from the user under
other names says so once, around the call; all messages from within then use the user's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["named", "options_named"]

Naming = Callable[[str], str]
_namings: ContextVar[tuple[Naming, ...]] = ContextVar("namings", default=())


def named(option: str) -> str:
    """The user's name for ``option``; also for a setting such as 'force=True', which may be a flag for the user."""
    for naming in reversed(_namings.get()):
        option = naming(option)
    return option


@contextmanager
def options_named(naming: Naming) -> Iterator[None]:
    """Options are called by ``naming`` within; where such places lie in each other the outer one has the last word."""
    before = _namings.set((*_namings.get(), naming))
    try:
        yield
    finally:
        _namings.reset(before)
