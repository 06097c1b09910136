"""The noise levels of a run, from a pipeline's scheduler: where a latent can be inverted, and which levels it passes.

A run of N steps passes t_N > ... > t_1, and from t_1 the data's level: alpha 1, or that of time 0 where the scheduler's
configuration says set_alpha_to_one false. The levels are read out of the scheduler's float32 table into float64, once.
A strength s takes the last int(N s) timesteps alone, as the authors' code does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.options import require
from bdia_edm.text_to_image.prediction import PREDICTION_TYPES, Level
from bdia_edm.text_to_image.scheduler import BDIAScheduler

__all__ = ["check_scheduler", "levels_of"]


def check_scheduler(scheduler: Any) -> None:
    """Raises UserError where a pipeline's scheduler is not of a model that predicts e, x_0 or v of a discrete schedule.

    Flow matching and EDM's schedulers are not, nor are those that clip x_0, which has no inverse.
    """
    config, kind = scheduler.config, type(scheduler).__name__
    if "FlowMatch" in kind or config.get("use_flow_sigmas") or "flow" in str(config.get("prediction_type", "")):
        raise UserError(f"pipeline: {kind} is of a flow-matching model; must be of one that predicts noise, v or data")
    if "sigma_data" in config:
        raise UserError(f"pipeline: {kind} is of an EDM model; must be of one with a table of 1000 or so timesteps")
    if getattr(scheduler, "alphas_cumprod", None) is None:
        raise UserError(f"pipeline: {kind} has no table alphas_cumprod; take DDIMScheduler.from_config(...), say")
    kinds = " or ".join(PREDICTION_TYPES)
    predicts = config.get("prediction_type", "epsilon")
    require(predicts in PREDICTION_TYPES, "pipeline: prediction_type", printable(str(predicts)), kinds)
    for name in ("clip_sample", "thresholding"):
        require(not config.get(name, False), f"pipeline: {name}", True, "False: clipped data has no inverse")


def levels_of(
    scheduler: Any,
    num_steps: int,
    *,
    strength: float = 1.0,
    timesteps: Sequence[int] | None = None,
    set_alpha_to_one: bool | None = None,
    data_time: float = 0.0,
) -> list[Level]:
    """The levels t_K > ... > t_1 of a run, and the data's.

    Args:
        scheduler: a pipeline's, as ``check_scheduler`` takes it; its table, its spacing and its offset are used.
        num_steps: N.
        strength: in (0, 1]; K = int(N strength).
        timesteps: instead of the N timesteps that the scheduler's configuration gives.
        set_alpha_to_one: whether the data's level has alpha 1; None: as the scheduler's configuration says.
        data_time: what the network is told of the data's level.

    Raises:
        UserError: an option is out of its range.
    """
    require(not isinstance(num_steps, bool) and isinstance(num_steps, int), "num_steps", num_steps, "a whole number")
    number = isinstance(strength, int | float) and not isinstance(strength, bool)
    require(number and 0 < strength <= 1, "strength", strength, "a number above 0 and at most 1")
    ours = BDIAScheduler.from_config(scheduler.config, next_timestep="list")
    if timesteps is None:
        ours.set_timesteps(num_steps)
    else:
        ours.set_timesteps(timesteps=timesteps)
    times = ours.timesteps.tolist()
    count = int(len(times) * strength)
    require(count > 0, "strength", strength, f"at least {1 / len(times):.3g} with {len(times)} steps")
    table = scheduler.alphas_cumprod.double().tolist()
    to_one = ours.config.set_alpha_to_one if set_alpha_to_one is None else set_alpha_to_one
    data = 1.0 if to_one else table[0]
    levels = [_level(t, table[t]) for t in times[-count:]]
    return [*levels, _level(data_time, data)]


def _level(time: float, squared: float) -> Level:
    return Level(time, math.sqrt(squared), math.sqrt(1 - squared))
