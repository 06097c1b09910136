"""python -m bdia_edm.compare task=edit pipeline=...: methods, steps, guidance and gamma on the same pictures.

The grid is a list of entries whose values are options of an edit, single or lists; every combination is one run of
``edit``, whose record is reused where it exists.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from omegaconf import DictConfig

from bdia_edm.base.options import require
from bdia_edm.config.composing import own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import run_command
from bdia_edm.records.record import Record
from bdia_edm.text_to_image.comparing import compare_points
from bdia_edm.text_to_image.edits.command import method_help, texts_as_typed
from bdia_edm.text_to_image.edits.config import EditPicturesConfig, method_options, read_edit_pictures
from bdia_edm.text_to_image.edits.kind import TASK
from bdia_edm.text_to_image.edits.run import EditPicturesRun, prepare_edit_pictures
from bdia_edm.text_to_image.grid_of_options import points_of_grid

__all__ = ["grid_points", "main", "with_costs"]

_OF_A_POINT = (
    "method",
    "num_inference_steps",
    "guidance_scale",
    "strength",
    "negative_prompt",
    "set_alpha_to_one",
    "state_dtype",
    "network_dtype",
    "low_memory",
)
_WHAT = """\
Runs a grid of methods on the same pictures of a text-to-image pipeline, each as `edit` does, and writes comparison.md,
.csv, .tex, .png, .svg and .pdf and the edits side by side to results_dir; prints the table: how exactly the pictures
came back, what an edit kept of them, and what it took. A run whose record exists is not run again."""
_EXAMPLES = (
    'python -m bdia_edm.compare task=edit pipeline=DIR_OR_HUB_ID image=cat.png prompt="a cat" edit="a dog"',
    "python -m bdia_edm.compare task=edit pipeline=DIR_OR_HUB_ID image=PIE_BENCH indices=0-19 structure=DIR_OR_HUB_ID",
    "python -m bdia_edm.compare task=edit pipeline=DIR_OR_HUB_ID image=cat.png prompt=cat "
    "'grid=[{method: ddim},{method: bdia, gamma: [0.96, 1]}]'",
)
_MORE = (
    "grid=  a list of entries such as {method: bdia, gamma: [0.96, 1], num_inference_steps: [10, 50]}: options of an",
    "       edit, single or lists; every combination is a run. By default that of compare_edit_pictures.yaml",
    "table.columns=, table.metrics=  the tables' columns and figures, in their order; by default those of table.yaml",
    "The table's last figures are costs: seconds of a picture, gradients of the network, and the most memory",
    "(peak_memory_mb: of a GPU, weights included; peak_growth_mb: by how much this process grew, on a CPU).",
)


def _compare(config: DictConfig) -> None:
    require(config.task == "edit", "task", config.task, "edit with pipeline=")
    values = plain_values(config, has_model=False)
    compare_points(values, TASK, grid_points(values["grid"]), _prepared, with_costs)


def _prepared(values: dict[str, Any], words: list[str]) -> EditPicturesRun:
    return prepare_edit_pictures(read_edit_pictures(values), shell_command(words, own_folder(), "edit"))


def grid_points(grid: object) -> list[dict[str, Any]]:
    """The options of every point of the grid; UserError as ``points_of_grid``."""
    return points_of_grid(grid, "method", [*_OF_A_POINT, *method_options()], "{method: bdia, gamma: [0.96, 1]}")


def with_costs(record: Record) -> Record:
    """The record with what a picture took among its figures, for tables."""
    costs = record["costs"]
    taken = {"seconds": record["device_seconds"] / record["num_images"]}
    taken |= {name: costs[name] for name in ("gradients", "peak_memory_mb", "peak_growth_mb") if name in costs}
    return cast(Record, {**record, "metrics": {**record["metrics"], **taken}})


def main() -> None:
    """The command."""
    sys.argv[1:] = texts_as_typed(sys.argv[1:])
    run_command("compare_edit_pictures", _compare, _WHAT, _EXAMPLES, (*method_help(), *_MORE), EditPicturesConfig)
