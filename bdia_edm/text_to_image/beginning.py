"""What inverting, editing and sampling begin with: everything about the pipeline and the options that can be wrong.

Nothing is evaluated here, so that what cannot work is refused in no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from bdia_edm.base.options import require
from bdia_edm.text_to_image.method import Method, make_method
from bdia_edm.text_to_image.pipelines import (
    check_guidance,
    check_levels,
    check_pipeline,
    check_switches,
    device_of,
    levels_for,
    prediction_type,
    state_type,
)
from bdia_edm.text_to_image.prediction import Level

__all__ = ["Beginning", "PipelineFacts", "begin", "look_at"]


class PipelineFacts(NamedTuple):
    """Where a pipeline works, and what its network predicts."""

    device: torch.device
    predicts: str


class Beginning(NamedTuple):
    """A method on a pipeline.

    Attributes:
        method: with its options.
        levels: that it passes, falling, the data's last.
        guidance: g.
        device, predicts: the pipeline's.
        dtype: of the states.
    """

    method: Method
    levels: list[Level]
    guidance: float
    device: torch.device
    predicts: str
    dtype: torch.dtype


def look_at(pipe: Any, low_memory: bool | None) -> PipelineFacts:
    """The facts of a pipeline; UserError where it, or the switch, is not as it must be."""
    check_pipeline(pipe)
    check_switches(low_memory=low_memory)
    return PipelineFacts(device_of(pipe), prediction_type(pipe))


def begin(
    pipe: Any,
    method: str,
    options: dict[str, Any],
    *,
    inverts: bool,
    num_steps: int | None,
    guidance: float | None,
    strength: float | None,
    timesteps: Sequence[int] | None,
    set_alpha_to_one: bool | None,
    state_dtype: torch.dtype | None,
    low_memory: bool,
) -> Beginning:
    """A method on a pipeline, to invert or else to sample.

    Args:
        num_steps, guidance, strength: to invert, None is what the method was published with for editing.

    Raises:
        UserError: the pipeline or an option is not as it must be, or they do not go together.
    """
    device, predicts = look_at(pipe, low_memory)
    way = make_method(method, options)
    given: tuple[Any, ...] = (num_steps, guidance, strength)
    if inverts:
        given = tuple(usual if each is None else each for each, usual in zip(given, way.usual, strict=True))
    else:
        require(way.samples, "method", method, "one that needs no inverted picture: bdia, ddim, edict or obelm")
    steps, g, part = given
    check_guidance(g)
    dtype = state_type(state_dtype, device)
    levels = levels_for(pipe, way, steps, part, timesteps, set_alpha_to_one)
    check_levels(levels, way, predicts, inverts=inverts)
    if inverts:
        way.check(levels, dtype, g)
    return Beginning(way, levels, g, device, predicts, dtype)
