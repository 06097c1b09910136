"""The levels that the reference cases passed."""

from __future__ import annotations

from typing import Any

from diffusers import DDIMScheduler

from bdia_edm.text_to_image.levels import levels_of
from bdia_edm.text_to_image.prediction import Level
from tests.text_to_image.pipelines import CASES, array, pipeline

__all__ = ["case_levels"]


def case_levels(case: str, data_time: float = 0.0, **options: Any) -> list[Level]:
    facts = CASES[case]
    named = {key: facts[key] for key in ("steps_offset", "set_alpha_to_one", "timestep_spacing") if key in facts}
    scheduler = DDIMScheduler.from_config(pipeline().scheduler.config, **named, **facts.get("scheduler", {}))
    if "timesteps" in facts["arrays"] and "strength" not in facts:
        options = {"timesteps": sorted(array(case, "timesteps").tolist(), reverse=True), **options}
    if facts.get("final_alpha") == 1:
        options["set_alpha_to_one"] = True
    return levels_of(scheduler, facts["steps"], strength=facts.get("strength", 1.0), data_time=data_time, **options)
