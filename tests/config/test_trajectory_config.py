"""The options of a picture of a sampler's way."""

from __future__ import annotations

from dataclasses import fields

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import options_of
from bdia_edm.config.common_config import CommonOptions
from bdia_edm.config.composing import compose_values
from bdia_edm.config.run_config import RunConfig
from bdia_edm.config.trajectory_config import TrajectoryOptions, read_trajectory_config


def read(*options: str) -> RunConfig:
    return read_trajectory_config(compose_values(["+model=digits", *options], command="trajectory"))


def test_conf_has_every_option_and_its_default() -> None:
    values = compose_values(["+model=digits"], command="trajectory")
    assert set(values) - {"model", "sampler", "detector"} == {each.name for each in fields(TrajectoryOptions)}
    assert values["seeds"] == TrajectoryOptions.seeds
    # Those of every run are the same as a run's, and told with the same words.
    common = {each.name: (each.default, facts) for each, facts in options_of(CommonOptions)}
    own = {each.name: (each.default, facts) for each, facts in options_of(TrajectoryOptions) if each.name != "seeds"}
    assert own == {name: common[name] for name in own}
    of_a_run = compose_values(["+model=digits"])
    assert {name: values[name] for name in own} == {name: of_a_run[name] for name in own}


def test_it_is_a_run_without_a_detector() -> None:
    config = read("seeds='7,1-2'", "sampler=edict", "class_idx=3", "batch_size=2")
    assert list(config.seeds) == [7, 1, 2]
    assert (config.sampler.name, config.class_idx, config.batch_size) == ("edict", 3, 2)
    assert (config.detector.name, config.workers) == ("none", 1)
    assert list(read("seeds=5").seeds) == [5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["seeds=0-16"], "seeds=0-16: 17 images; must be 16 at most"),
        (["seeds=a"], "seeds=a: "),
        (["seeds=0.5"], "seeds=0.5: must be a whole number or a text"),
        (["batch_size=0"], "batch_size=0: must be from 1"),
        (["+workers=2"], "workers=2: unknown option; there are seeds, class_idx"),
        (["+save_images=png"], "save_images=png: unknown option"),
        (["sampler.num_steps=1"], "sampler.num_steps=1: must be"),
    ],
)
def test_what_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        read(*options)
    assert str(error.value).startswith(message)
