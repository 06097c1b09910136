"""python -m bdia_edm.compare +model=digits: a grid of samplers on the same seeds, as table, plot and picture.

The grid is conf/experiment's: a list of entries whose values are options of one sampler, single or lists; every
combination is one run of ``sample``, whose record is reused where it exists.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from bdia_edm.base.errors import UserError
from bdia_edm.config.composing import own_folder, plain_values, sample_command
from bdia_edm.config.hydra_command import run_command, say
from bdia_edm.config.run_config import read_config
from bdia_edm.report.comparison import side_by_side, write_comparison
from bdia_edm.run.finish import finish
from bdia_edm.run.loading import prepare_run
from bdia_edm.run.run import Run
from bdia_edm.workers.meeting import is_leader

__all__ = ["grid_overrides", "main"]

_OWN = ("grid", "experiment")
_WHAT = """\
Runs a grid of samplers on the same seeds, each as `sample` does, and writes comparison.md, .csv and .png and the same
seeds side by side to results_dir; prints the table. A run whose record exists is not run again."""
_EXAMPLES = (
    "python -m bdia_edm.compare +model=digits",
    "python -m bdia_edm.compare +model=cifar10 'grid=[{sampler: edm},{sampler: bdia, gamma: [0.1, 0.3]}]'",
    "python -m bdia_edm.compare +model=digits experiment=choose_gamma results_dir=runs/choose_gamma",
)
_MORE = (
    "grid=  a list of entries such as {sampler: bdia, gamma: [0.1, 0.3]}: options of one sampler, single or lists;",
    "       every combination is a run. By default the experiment's.",
)


def grid_overrides(grid: object) -> list[list[str]]:
    """The options of every point of the grid, in its order.

    Raises:
        UserError: it is no list of entries that name a sampler.
    """
    if not isinstance(grid, list) or not grid:
        raise UserError(f"grid={grid}: must be a list of entries such as {{sampler: bdia, gamma: [0.1, 0.3]}}")
    points: list[list[str]] = []
    for entry in grid:
        if not isinstance(entry, Mapping) or "sampler" not in entry:
            raise UserError(f"grid: the entry {entry} must name its sampler, as in {{sampler: bdia, gamma: 0.1}}")
        names = ["sampler" if name == "sampler" else f"sampler.{name}" for name in entry]
        values = [value if isinstance(value, list) else [value] for value in entry.values()]
        if any(isinstance(value, Mapping) for choice in values for value in choice) or not all(values):
            raise UserError(f"grid: the entry {entry} must hold values or lists of values")
        for choice in itertools.product(*values):
            points.append([f"{name}={value}" for name, value in zip(names, choice, strict=True)])
    return points


def _compare(config: DictConfig) -> None:
    values = plain_values(config)
    given = {override: _top(override) for override in HydraConfig.get().overrides.task}
    for override, name in given.items():
        if name == "sampler":
            raise UserError(f"{override}: in a comparison the grid says the samplers and their options; put it there")
    shared = [override for override, name in given.items() if name not in (*_OWN, "seeds")]
    shared.append(f"seeds='{values['seeds']}'" if "," in str(values["seeds"]) else f"seeds={values['seeds']}")
    # Every point is checked before the first is run.
    runs: list[Run] = []
    for point in grid_overrides(values.get("grid")):
        overrides = [*shared, *point]
        sample_config = compose(config_name="sample", overrides=overrides)
        command = sample_command(overrides, own_folder())
        runs.append(prepare_run(read_config(plain_values(sample_config)), command))
    records = []
    for number, run in enumerate(runs, 1):
        say(f"[{number}/{len(runs)}] {run.command}")
        records.append(finish(run, say))
    if not is_leader():
        return
    folder = Path(str(values["results_dir"]))
    text = write_comparison(records, folder, "comparison")
    side_by_side([(run.folder, record) for run, record in zip(runs, records, strict=True)], folder / "side_by_side.png")
    say(f"written: {folder}/comparison.md, comparison.csv, comparison.png, side_by_side.png")
    print(text, flush=True)


def _top(override: str) -> str:
    """The group or section that an override is of: 'model' of '+model=digits' and of 'model.reference=x'."""
    return override.lstrip("+~").partition("=")[0].partition(".")[0]


def main() -> None:
    """The command."""
    run_command("compare", _compare, _WHAT, _EXAMPLES, _MORE)


if __name__ == "__main__":
    main()
