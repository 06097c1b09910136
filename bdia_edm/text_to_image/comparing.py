"""A comparison on a pipeline, whatever its runs make: every point of a grid is a run, and their records a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import to_stdout
from bdia_edm.config.composing import compose_run
from bdia_edm.config.hydra_command import say
from bdia_edm.config.overrides import differences, override
from bdia_edm.records.record import Record
from bdia_edm.report.comparison import side_by_side, write_comparison
from bdia_edm.report.layout import read_layout
from bdia_edm.run.finish import finish
from bdia_edm.run.run import AnyRun
from bdia_edm.workers.meeting import is_leader

__all__ = ["compare_points", "option_of"]

_OWN = ("grid", "task", "table")


def compare_points(
    values: Mapping[str, Any],
    task: str,
    points: Sequence[Mapping[str, Any]],
    prepare: Callable[[dict[str, Any], list[str]], AnyRun],
    shown: Callable[[Record], Record] = lambda record: record,
) -> None:
    """Runs all points within a Hydra command, and writes and prints their comparison.

    Args:
        values: the comparison's, plain: a run's options, 'grid', 'task' and 'table'.
        task: conf/'s file of one run.
        points: options that each has beside the shared ones.
        prepare: plain values of a run's options, and the words that give them, to the run with everything loaded.
        shown: a record as the table is to have it.

    Raises:
        UserError: an option, a file or a point is wrong; the grid's runs cannot be swept over.
    """
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        raise UserError("-m: a comparison's runs are those of its grid; put what differs there")
    layout = read_layout(values["table"], "table")
    typed = [word for word in HydraConfig.get().overrides.task if option_of(word) not in _OWN]
    own = {name: value for name, value in values.items() if name not in _OWN}
    shared = [*typed, *differences(own, compose_run(typed, task, has_model=False))]

    def prepared(point: Mapping[str, Any]) -> AnyRun:
        words = [*shared, *(override(name, value) for name, value in point.items())]
        options = compose_run(words, task, has_model=False)
        try:
            return prepare(options, words)
        except UserError as error:
            # As the grid has it: sampler, not sampler.name.
            told = ", ".join(f"{name.removesuffix('.name')}: {value}" for name, value in point.items())
            raise UserError(f"grid: {{{told}}}: {error}") from error

    # Every point is checked before the first is run.
    runs = [prepared(point) for point in points]
    records: list[Record] = []
    for number, run in enumerate(runs, 1):
        say(f"[{number}/{len(runs)}] {run.command}")
        records.append(shown(finish(run, say)))
        layout.check_metrics(records[0]["metrics"])
    if not is_leader():
        return
    folder = Path(str(values["results_dir"]))
    text, _ = write_comparison(records, folder, "comparison", folders=[run.folder for run in runs], layout=layout)
    side_by_side(list(zip((run.folder for run in runs), records, strict=True)), folder / "side_by_side.png")
    say(f"written: {folder}/comparison.md, .csv, .tex, .png, .svg, .pdf, side_by_side.png")
    to_stdout(text)


def option_of(word: str) -> str:
    """The option, or its group, that an override is of: 'table' of 'table.columns=[nfe]'."""
    return word.lstrip("+~").partition("=")[0].partition(".")[0]
