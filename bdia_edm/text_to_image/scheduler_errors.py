"""What a scheduler is asked for, checked: a UserError's one line, which is diffusers' schedulers' ValueError too."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import require

__all__ = ["SchedulerError", "falling_timesteps", "require_value"]


class SchedulerError(UserError, ValueError):
    """What is wrong and what is allowed."""


def require_value(condition: bool, name: str, got: object, allowed: str) -> None:
    """Raises SchedulerError unless ``condition`` holds."""
    try:
        require(condition, name, got, allowed)
    except UserError as error:
        raise SchedulerError(str(error)) from None


def falling_timesteps(timesteps: Any, last: int) -> list[int]:
    """A list, an array or a tensor of timesteps as whole numbers.

    Raises:
        SchedulerError: they are something else, do not fall, or are not from ``last`` to 0.
    """
    given = [] if isinstance(timesteps, str) else torch.as_tensor(timesteps).flatten().tolist()
    whole = bool(given) and all(each == int(each) for each in given)
    falling = all(a > b for a, b in pairwise(given))
    fits = whole and falling and given[-1] >= 0 and given[0] <= last
    require_value(fits, "timesteps", timesteps, f"falling numbers from {last} to 0")
    return [int(each) for each in given]
