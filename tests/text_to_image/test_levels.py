"""The levels of a run: diffusers' table and spacings, the part that strength takes, and the data's level."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.levels import levels_of
from tests.text_to_image.pipelines import given, pipeline


def times(num_steps: int, strength: float = 1.0, **config: object) -> list[float]:
    scheduler = DDIMScheduler.from_config(pipeline(torch.float32).scheduler.config, **config)
    levels = levels_of(scheduler, num_steps, strength=strength)
    return [level.time for level in levels]


def test_spacings() -> None:
    assert times(4) == [751, 501, 251, 1, 0]
    assert times(4, steps_offset=0) == [750, 500, 250, 0, 0]
    assert times(4, timestep_spacing="trailing") == [999, 749, 499, 249, 0]
    assert times(4, timestep_spacing="linspace") == [999, 666, 333, 0, 0]


def test_strength_takes_the_last_steps() -> None:
    assert times(10, 0.8)[0] == 701
    assert len(times(10, 0.75)) == 7 + 1
    assert times(50, 1.0)[0] == 981


def test_the_levels_are_the_references_table() -> None:
    table = given("alphas_cumprod")
    for level in levels_of(pipeline(torch.float32).scheduler, 10)[:-1]:
        assert float(level.alpha) ** 2 == pytest.approx(float(table[int(level.time)]), rel=1e-15)
        assert float(level.alpha) ** 2 + float(level.sigma) ** 2 == pytest.approx(1, abs=1e-15)


def test_the_datas_level() -> None:
    scheduler = pipeline(torch.float32).scheduler
    data = levels_of(scheduler, 10, data_time=1.0)[-1]
    assert data.time == 1
    assert float(data.alpha) ** 2 == pytest.approx(float(scheduler.alphas_cumprod[0]), rel=1e-15)
    one = levels_of(scheduler, 10, set_alpha_to_one=True)[-1]
    assert (one.alpha, one.sigma) == (1, 0)


def test_what_is_refused() -> None:
    scheduler = pipeline(torch.float32).scheduler
    with pytest.raises(UserError, match=r"strength=1.5: must be a number above 0 and at most 1"):
        levels_of(scheduler, 10, strength=1.5)
    with pytest.raises(UserError, match=r"strength=0.05: must be at least 0.1 with 10 steps"):
        levels_of(scheduler, 10, strength=0.05)
    with pytest.raises(UserError, match=r"num_steps=2.5: must be a whole number"):
        levels_of(scheduler, 2.5)  # type: ignore[arg-type]
