"""The kinds of runs, by their task: how each is read from plain values, loaded, and done.

A module of a floor above adds its own to ``KINDS``; ``AnyRun.home`` names it, so that a worker process knows it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bdia_edm.config.common_config import AnyConfig
from bdia_edm.config.editing_config import EditingConfig, read_editing_config
from bdia_edm.config.inversion_config import InversionConfig, read_inversion_config
from bdia_edm.config.run_config import RunConfig, read_config
from bdia_edm.run.deeds import Deeds
from bdia_edm.run.editing import Editing
from bdia_edm.run.inverting import Inverting
from bdia_edm.run.loading import prepare_run
from bdia_edm.run.loading_inversion import prepare_editing, prepare_inversion
from bdia_edm.run.run import AnyRun
from bdia_edm.run.sampling import Sampling

__all__ = ["KINDS", "Kind", "deeds_of"]


class Kind(NamedTuple):
    """One kind of run.

    Attributes:
        config: what it is configured by.
        beside: names of the options that a comparison's grid may vary beside the sampler's.
        read: plain values to a checked config; raises UserError.
        prepare: config and command to a run with everything loaded; raises UserError.
        deeds: a run to what it does.
    """

    config: type[AnyConfig]
    beside: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], AnyConfig]
    prepare: Callable[[Any, str], Any]
    deeds: Callable[[Any], Deeds[Any]]


_OF_ALL = ("precision", "compile")
_OF_INVERSES = (*_OF_ALL, "iterations")
_OF_EDITS = (*_OF_INVERSES, "edit.step", "edit.class_idx", "edit.partner")
KINDS: dict[str, Kind] = {
    "sample": Kind(RunConfig, _OF_ALL, read_config, prepare_run, Sampling),
    "invert": Kind(InversionConfig, _OF_INVERSES, read_inversion_config, prepare_inversion, Inverting),
    "edit": Kind(EditingConfig, _OF_EDITS, read_editing_config, prepare_editing, Editing),
}
"""By ``AnyRun.task``."""


def deeds_of(run: AnyRun) -> Deeds[Any]:
    """What the run does."""
    return KINDS[run.task].deeds(run)
