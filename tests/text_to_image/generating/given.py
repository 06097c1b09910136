"""What the tests of this folder are given: a file of prompts, and checked options on the tiny pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from bdia_edm.config.conf_folder import conf_folder
from bdia_edm.config.generation_config import GenerationConfig, read_generation_config
from bdia_edm.run.kinds import KINDS
from bdia_edm.text_to_image.generating.kind import TASK
from bdia_edm.text_to_image.generating.run import GenerationRun
from tests.text_to_image.pipelines import PIPELINE

PROMPTS = ["a red cat", "a blue dog", "a green bird on a tree"]


def values_of(folder: Path, **changes: Any) -> dict[str, Any]:
    """conf/'s own values, of three prompts in two steps, with these changes."""
    file = folder / "prompts.txt"
    if not file.exists() and "prompts" not in changes:
        file.write_text("\n".join(PROMPTS) + "\n")
    values = OmegaConf.to_container(OmegaConf.load(conf_folder() / "generate.yaml"))
    assert isinstance(values, dict)
    del values["defaults"]
    given = {"pipeline": str(PIPELINE), "prompts": str(file), "results_dir": str(folder / "runs"), "device": "cpu"}
    return {**values, "detector": {"name": "none"}, "num_inference_steps": 2, **given, **changes}


def config_of(folder: Path, **changes: Any) -> GenerationConfig:
    return read_generation_config(values_of(folder, **changes))


def run_of(folder: Path, **changes: Any) -> GenerationRun:
    found: GenerationRun = KINDS[TASK].prepare(config_of(folder, **changes), "command")
    return found
