"""What a comparison's runs are configured by."""

from __future__ import annotations

from bdia_edm.config.comparison_config import CONFIGS, comparison_config_name
from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.run.kinds import KINDS


def test_the_configs_are_those_of_the_kinds_of_runs() -> None:
    assert {task: KINDS[task].config for task in CONFIGS} == CONFIGS


def test_every_task_has_its_file_and_every_file_its_task() -> None:
    named = {comparison_config_name(task) for task in CONFIGS}
    assert len(named) == len(CONFIGS)
    assert named <= {path.stem for path in conf_folder().glob("compare*.yaml")}
    assert comparison_config_name("no_task") == comparison_config_name("sample")
