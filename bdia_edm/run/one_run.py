"""What a command of one run does under Hydra, whatever its kind: from the config to the record on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.base.lines import to_stdout
from bdia_edm.config.common_config import ModelConfig
from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import say
from bdia_edm.records.record import to_json
from bdia_edm.run.finish import finish
from bdia_edm.run.kinds import KINDS
from bdia_edm.workers.meeting import is_leader

__all__ = ["one_run", "print_result"]


def one_run(task: str, config: DictConfig, command: str = "") -> None:
    """Makes a run of the kind ``task`` and prints its record.

    Args:
        command: that makes it, where its name is not the task's.

    Raises:
        UserError: an option or a file is wrong, or the run cannot go on.
    """
    hydra_config, kind = HydraConfig.get(), KINDS[task]
    typed = shell_command(hydra_config.overrides.task, own_folder(), command or task)
    values = plain_values(config, has_model=issubclass(kind.config, ModelConfig))
    record = finish(kind.prepare(kind.read(values), typed), say)
    if is_leader():
        print_result(record)


def print_result(result: Mapping[str, Any]) -> None:
    """Prints what a Hydra command found, as JSON: one is for reading; those of a sweep are one a line."""
    to_stdout(to_json(result, indent=None if HydraConfig.get().mode == RunMode.MULTIRUN else 2))
