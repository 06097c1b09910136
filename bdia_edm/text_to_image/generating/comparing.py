"""python -m bdia_edm.compare task=generate pipeline=...: samplers, steps, gamma and guidance on the same prompts.

The grid is a list of entries whose values are options of ``generate``, single or lists; every combination is one run of
it, whose record is reused where it exists.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import to_stdout
from bdia_edm.base.options import require
from bdia_edm.config.composing import compose_run, own_folder, plain_values, shell_command
from bdia_edm.config.generation_config import GenerationConfig, read_generation_config, samplers_named
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.overrides import differences, override
from bdia_edm.records.record import Record
from bdia_edm.report.comparison import side_by_side, write_comparison
from bdia_edm.report.layout import read_layout
from bdia_edm.run.finish import finish
from bdia_edm.text_to_image.generating.kind import TASK
from bdia_edm.text_to_image.generating.run import GenerationRun, prepare_generation
from bdia_edm.text_to_image.grid_of_options import in_point, points_of_grid
from bdia_edm.workers.meeting import is_leader

__all__ = ["main"]

_OWN = ("grid", "task", "table")
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
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError("-m: a comparison's runs are those of its grid; put what differs there")
    values = plain_values(config, has_model=False)
    layout = read_layout(values["table"], "table")
    points = points_of_grid(values["grid"], "sampler", _OF_A_POINT, _EXAMPLE)
    typed = [word for word in HydraConfig.get().overrides.task if _top(word) not in _OWN]
    for word in typed:
        if _top(word) == "sampler":
            raise UserError(
                f"{word.replace('sampler.name=', 'sampler=')}: in a comparison the grid says the samplers; put it there"
            )
    own = {name: value for name, value in values.items() if name not in _OWN}
    shared = [*typed, *differences(own, compose_run(typed, TASK, has_model=False))]

    # Every point is checked before the first is run.
    runs = [_prepared(shared, point) for point in points]
    records: list[Record] = []
    for number, run in enumerate(runs, 1):
        say(f"[{number}/{len(runs)}] {run.command}")
        records.append(finish(run, say))
        layout.check_metrics(records[0]["metrics"])
    if not is_leader():
        return
    folder = Path(str(values["results_dir"]))
    text, _ = write_comparison(records, folder, "comparison", folders=[run.folder for run in runs], layout=layout)
    side_by_side(list(zip((run.folder for run in runs), records, strict=True)), folder / "side_by_side.png")
    say(f"written: {folder}/comparison.md, .csv, .tex, .png, .svg, .pdf, side_by_side.png")
    to_stdout(text)


def _prepared(shared: list[str], point: Mapping[str, Any]) -> GenerationRun:
    named = {"sampler.name" if name == "sampler" else name: value for name, value in point.items()}
    words = [*shared, *(override(name, value) for name, value in named.items())]
    config = compose_run(words, TASK, has_model=False)
    try:
        return prepare_generation(read_generation_config(config), shell_command(words, own_folder(), TASK))
    except UserError as error:
        raise in_point(point, error) from error


def _top(word: str) -> str:
    return word.lstrip("+~").partition("=")[0].partition(".")[0]


def main() -> None:
    """The command."""
    sys.argv[1:] = samplers_named(sys.argv[1:])
    run_command(f"compare_{TASK}", _compare, _WHAT, _EXAMPLES, _MORE, GenerationConfig)
