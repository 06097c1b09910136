"""python -m bdia_edm.compare task=generate pipeline=...: samplers, steps, gamma and guidance on the same prompts.

The grid is a list of entries whose values are options of ``generate``, single or lists; every combination is one run of
it, whose record is reused where it exists.
"""

from __future__ import annotations

import sys
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import require
from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.generation_config import GenerationConfig, read_generation_config
from bdia_edm.config.generation_words import generation_words
from bdia_edm.config.hydra_command import run_command
from bdia_edm.text_to_image.comparing import compare_points, option_of
from bdia_edm.text_to_image.generating.kind import TASK
from bdia_edm.text_to_image.generating.run import GenerationRun, prepare_generation
from bdia_edm.text_to_image.grid_of_options import points_of_grid

__all__ = ["main"]

_OF_A_POINT = (
    "sampler",
    "num_inference_steps",
    "guidance_scale",
    "negative_prompt",
    "gamma",
    "p",
    "leapfrog",
    "set_alpha_to_one",
    "state_dtype",
    "network_dtype",
    "low_memory",
)
_EXAMPLE = "{sampler: bdia, gamma: [0.3, 0.5], num_inference_steps: [10, 20]}"
_WHAT = """\
Runs a grid of samplers on the same seeds and prompts of a text-to-image pipeline, each as `generate` does, and writes
comparison.md, .csv, .tex, .png, .svg and .pdf and the same seeds side by side to results_dir; prints the tables, one
for each guidance, with the differences from DDIM at the same NFE. A run whose record exists is not run again."""
_EXAMPLES = (
    "python -m bdia_edm.compare task=generate pipeline=DIR_OR_HUB_ID prompts=prompts.txt",
    "python -m bdia_edm.compare task=generate pipeline=DIR_OR_HUB_ID prompts=captions.json seeds=0-29999 "
    "detector=inception reference=coco.npz",
    "python -m bdia_edm.compare task=generate pipeline=DIR_OR_HUB_ID prompts=prompts.txt "
    "'grid=[{sampler: [ddim, dpmpp]},{sampler: bdia, gamma: [0.3, 0.5]}]'",
)
_MORE = (
    f"grid=  a list of entries such as {_EXAMPLE}: options of",
    "       generate, single or lists; every combination is a run. By default that of compare_generate.yaml",
    "table.columns=, table.metrics=  the tables' columns and figures, in their order; by default those of table.yaml",
)


def _compare(config: DictConfig) -> None:
    require(config.task == TASK, "task", config.task, f"{TASK} with prompts=")
    for word in HydraConfig.get().overrides.task:
        if option_of(word) == "sampler":
            given = word.replace("sampler.name=", "sampler=")
            raise UserError(f"{given}: in a comparison the grid says the samplers; put it there")
    values = plain_values(config, has_model=False)
    points = points_of_grid(values["grid"], "sampler", _OF_A_POINT, _EXAMPLE)
    named = [{"sampler.name" if name == "sampler" else name: point[name] for name in point} for point in points]
    compare_points(values, TASK, named, _prepared)


def _prepared(values: dict[str, Any], words: list[str]) -> GenerationRun:
    return prepare_generation(read_generation_config(values), shell_command(words, own_folder(), TASK))


def main() -> None:
    """The command."""
    sys.argv[1:] = generation_words(sys.argv[1:])
    run_command(f"compare_{TASK}", _compare, _WHAT, _EXAMPLES, _MORE, GenerationConfig)
