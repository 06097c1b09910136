"""Errors of schedulers: a UserError's one line, which callers of diffusers' schedulers can catch as its ValueError."""

from __future__ import annotations

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import require

__all__ = ["SchedulerError", "require_value"]


class SchedulerError(UserError, ValueError):
    """What is wrong and what is allowed."""


def require_value(condition: bool, name: str, got: object, allowed: str) -> None:
    """Raises SchedulerError unless ``condition`` holds."""
    try:
        require(condition, name, got, allowed)
    except UserError as error:
        raise SchedulerError(str(error)) from None
