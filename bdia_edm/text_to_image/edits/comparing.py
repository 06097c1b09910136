"""python -m bdia_edm.compare task=edit pipeline=...: methods, steps, guidance and gamma on the same pictures.

The grid is a list of entries whose values are options of an edit, single or lists; every combination is one run of
``edit``, whose record is reused where it exists.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable, to_stdout
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.options import require
from bdia_edm.config.composing import compose_run, own_folder, plain_values, shell_command
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.overrides import differences, override
from bdia_edm.records.record import Record
from bdia_edm.report.comparison import side_by_side, write_comparison
from bdia_edm.report.layout import read_layout
from bdia_edm.run.finish import finish
from bdia_edm.text_to_image.edits.command import method_help, texts_as_typed
from bdia_edm.text_to_image.edits.config import EditPicturesConfig, method_options, read_edit_pictures
from bdia_edm.text_to_image.edits.kind import TASK
from bdia_edm.text_to_image.edits.run import EditPicturesRun, prepare_edit_pictures
from bdia_edm.workers.meeting import is_leader

__all__ = ["grid_points", "main", "with_costs"]

_OWN = ("grid", "task", "table")
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
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError("-m: a comparison's runs are those of its grid; put what differs there")
    values = plain_values(config, has_model=False)
    layout = read_layout(values["table"], "table")
    points = grid_points(values["grid"])
    typed = [word for word in HydraConfig.get().overrides.task if _top(word) not in _OWN]
    own = {name: value for name, value in values.items() if name not in _OWN}
    shared = [*typed, *differences(own, compose_run(typed, TASK, has_model=False))]

    # Every point is checked before the first is run.
    runs = [_prepared(shared, point) for point in points]
    records: list[Record] = []
    for number, run in enumerate(runs, 1):
        say(f"[{number}/{len(runs)}] {run.command}")
        records.append(with_costs(finish(run, say)))
        layout.check_metrics(records[0]["metrics"])
    if not is_leader():
        return
    folder = Path(str(values["results_dir"]))
    text, _ = write_comparison(records, folder, "comparison", folders=[run.folder for run in runs], layout=layout)
    side_by_side(list(zip((run.folder for run in runs), records, strict=True)), folder / "side_by_side.png")
    say(f"written: {folder}/comparison.md, .csv, .tex, .png, .svg, .pdf, side_by_side.png")
    to_stdout(text)


def _prepared(shared: list[str], point: Mapping[str, Any]) -> EditPicturesRun:
    words = [*shared, *(override(name, value) for name, value in point.items())]
    config = compose_run(words, TASK, has_model=False)
    try:
        return prepare_edit_pictures(read_edit_pictures(config), shell_command(words, own_folder(), "edit"))
    except UserError as error:
        told = ", ".join(f"{name}: {value}" for name, value in point.items())
        raise UserError(f"grid: {{{told}}}: {error}") from error


def grid_points(grid: object) -> list[dict[str, Any]]:
    """The options of every point of the grid, in its order.

    Raises:
        UserError: it is no list of entries of options of a method.
    """
    if not isinstance(grid, list) or not grid:
        raise UserError(f"grid={_shown(grid)}: must be a list of entries such as {{method: bdia, gamma: [0.96, 1]}}")
    known = [*_OF_A_POINT, *method_options()]
    points: list[dict[str, Any]] = []
    for entry in grid:
        if not isinstance(entry, Mapping) or "method" not in entry:
            raise UserError(f"grid: the entry {_shown(entry)} must name its method, as in {{method: bdia, gamma: 1}}")
        for name in entry:
            if name not in known:
                near = did_you_mean(str(name), known)
                raise UserError(f"grid: {_shown(name)}: no option of a method; there are {', '.join(known)}{near}")
        values = [value if isinstance(value, list) else [value] for value in entry.values()]
        if any(isinstance(value, Mapping | list) for choice in values for value in choice) or not all(values):
            raise UserError(f"grid: the entry {_shown(entry)} must hold values or lists of values")
        points += [dict(zip(entry, choice, strict=True)) for choice in itertools.product(*values)]
    return points


def with_costs(record: Record) -> Record:
    """The record with what a picture took among its figures, for tables."""
    costs = record["costs"]
    taken = {"seconds": record["device_seconds"] / record["num_images"]}
    taken |= {name: costs[name] for name in ("gradients", "peak_memory_mb", "peak_growth_mb") if name in costs}
    return cast(Record, {**record, "metrics": {**record["metrics"], **taken}})


def _shown(value: object) -> str:
    return "null" if value is None else printable(str(value))


def _top(word: str) -> str:
    return word.lstrip("+~").partition("=")[0].partition(".")[0]


def main() -> None:
    """The command."""
    sys.argv[1:] = texts_as_typed(sys.argv[1:])
    run_command("compare_edit_pictures", _compare, _WHAT, _EXAMPLES, (*method_help(), *_MORE), EditPicturesConfig)
