"""The options of a picture of a sampler's way: those of a run that decide its images, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.base.options import option, read_options
from bdia_edm.config.common_config import CommonOptions
from bdia_edm.config.detector_card import NONE
from bdia_edm.config.run_config import RunConfig, read_config

__all__ = ["TrajectoryOptions", "read_trajectory_config"]

_MOST_SEEDS = 16
# A model's card brings its detector.
_PARTS = ("model", "sampler", "detector")
# What a run has beside these, and what does nothing here: nothing is measured, and this process does the work.
_LEFT_OUT: dict[str, Any] = {"detector": {"name": NONE}, "workers": 1}


def _as_of_a_run(name: str) -> Any:
    """The option as every run has it: it is written once."""
    found = CommonOptions.__dataclass_fields__[name]
    return field(default=found.default, metadata=found.metadata)


@dataclass(frozen=True, kw_only=True)
class TrajectoryOptions:
    """The options beside model and sampler."""

    seeds: int | str = option(
        "0-3", words=f"one image each, {_MOST_SEEDS} at most: numbers and ranges such as 0-3 or '0,7,20-22'"
    )
    class_idx: int | None = _as_of_a_run("class_idx")
    batch_size: int | str = _as_of_a_run("batch_size")
    device: str = _as_of_a_run("device")
    precision: str = _as_of_a_run("precision")
    compile: str = _as_of_a_run("compile")
    results_dir: str = _as_of_a_run("results_dir")
    modules: tuple[str, ...] = _as_of_a_run("modules")


def read_trajectory_config(values: Mapping[str, Any]) -> RunConfig:
    """Checks a config, every option of it; the same images as of a run of ``sample`` without a detector.

    Raises:
        UserError: at the first option that is unknown, missing or out of range, or there are more seeds than a picture
            has room for.
    """
    own = {name: value for name, value in values.items() if name not in _PARTS}
    read_options(TrajectoryOptions, own, "")
    config = read_config({**values, **_LEFT_OUT})
    if len(config.seeds) > _MOST_SEEDS:
        given = f"{named('seeds')}={values['seeds']}"
        raise UserError(f"{given}: {len(config.seeds):,} images; must be {_MOST_SEEDS} at most, two rows each")
    return config
