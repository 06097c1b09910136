"""The one exception that a user's mistake raises."""

from __future__ import annotations

__all__ = ["UserError"]


class UserError(Exception):
    """What is wrong, where, and what is allowed: one line, shown without a traceback, exit status 2."""
