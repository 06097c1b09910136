"""A comparison under Hydra: from its config to runs on the same seeds, and from their records to tables and pictures.

The grid's every combination is one run, checked before the first is done, whose record is reused where it exists.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import to_stdout
from bdia_edm.base.options import require
from bdia_edm.config.chosen_detectors import detectors_apart
from bdia_edm.config.comparison_config import comparison_config_name
from bdia_edm.config.composing import compose_run, own_folder, plain_values, shell_command
from bdia_edm.config.grid_points import check_published, grid_overrides, published_figures, seed_blocks
from bdia_edm.config.hydra_command import say
from bdia_edm.config.inversion_config import refuse_detector
from bdia_edm.config.overrides import differences, override
from bdia_edm.records.record import Record
from bdia_edm.report.comparison import side_by_side, write_comparison
from bdia_edm.report.layout import Layout, read_layout
from bdia_edm.report.published import Published
from bdia_edm.report.selection import Selection, write_selection
from bdia_edm.report.tradeoff import plot_tradeoff
from bdia_edm.run.finish import finish
from bdia_edm.run.kinds import KINDS
from bdia_edm.run.run import EditingRun, ModelRun
from bdia_edm.run.selecting import alike_but_for, at_equal_nfe, best_of, first_metric, read_option, selection_of
from bdia_edm.workers.meeting import is_leader

__all__ = ["compare"]

_OWN = ("grid", "experiment", "published", "task", "blocks", "select", "table")
_TRADEOFF = ("edit_ssim", "edit_success", "edit step", ("unrelated_ssim", "an unrelated image of the new class"))
_PUBLISHED = "published"
_PUT_IT_THERE = "in a comparison the grid says the samplers and their options; put it there"


def compare(config: DictConfig) -> None:
    """Makes what runs of the comparison are not there yet, and writes and prints the comparison.

    Args:
        config: what Hydra made of conf/ and the command line.

    Raises:
        UserError: an option or a file is wrong, or a run cannot go on.
    """
    task = _task(config.task)
    if task == "invert":
        refuse_detector(HydraConfig.get().overrides.task)
    values, shared, settings = _shared(task)
    kind = KINDS[task]
    layout = read_layout(values["table"], "table")
    points = grid_overrides(values.get("grid"), settings, KINDS[task].beside)
    blocks = seed_blocks(values.get("blocks"), task)
    option = read_option(values.get("select"), task, len(blocks))

    # Every point is checked before the first is run.
    runs: list[list[ModelRun]] = []
    for seeds in blocks:
        of_block = [[*_without_seeds(shared, seeds), *point, *seeds] for point in points]
        runs.append([kind.prepare(kind.read(compose_run(each, task)), _command(each, task)) for each in of_block])
    figures = published_figures(values.get("grid"), runs[0][0].config.model.name)
    origin = _origin(figures, values.get(_PUBLISHED))
    finished = _Finished(layout if _measure_the_same(runs[0]) else Layout())
    alike: list[list[int]] = []
    choices: list[int] = []
    if option is not None:
        groups = alike_but_for(option, runs[0])
        choosing = sorted(index for indices in groups for index in indices)
        of_choice = finished([runs[0][index] for index in choosing], "choosing ")
        known = dict(zip(choosing, of_choice, strict=True))
        alike = at_equal_nfe(option, groups, known)
        choices = [best_of([known[index] for index in indices]) for indices in alike]
    chosen = {indices[best] for indices, best in zip(alike, choices, strict=True)}
    kept = [index for index in range(len(points)) if index in chosen or not any(index in each for each in alike)]
    reporting = runs if option is None else runs[1:]
    reported = [[of_block[index] for index in kept] for of_block in reporting]
    every = finished([run for of_block in reported for run in of_block])
    if not is_leader():
        return

    folder = Path(str(values["results_dir"]))
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        # The next point of the sweep may write to the same results_dir.
        names = "\n".join(run.folder.name for of_block in reported for run in of_block)
        digest = hashlib.sha256(names.encode()).hexdigest()[:12]
        folder /= f"comparison-{runs[0][0].config.model.name}-{digest}"
    before = _written_at(folder)
    selections: list[Selection] = []
    if option is not None:
        selections.append(selection_of(option, runs, alike, choices, first_metric(every[0])))
        write_selection(folder, selections[0])
    text, _ = write_comparison(
        every,
        folder,
        "comparison",
        published=_published(every, [figures[index] for index in kept] * len(reporting), origin),
        folders=[run.folder for of_block in reported for run in of_block],
        layout=layout,
        selections=selections,
    )
    if task != "invert":
        # Of the first block, whose runs come first.
        made = [(run.folder, record) for run, record in zip(reported[0], every, strict=False)]
        side_by_side(made, folder / "side_by_side.png")
    if task == "edit":
        plot_tradeoff(every, folder / "tradeoff.png", *_TRADEOFF)
    written = sorted(path for path, when in _written_at(folder).items() if before.get(path) != when)
    say(f"written: {_in_words(folder, written)}")
    to_stdout(text)


class _Finished:
    """The records of runs, one after the other: what is not done is done, and said with how many there are.

    Args:
        layout: whose figures must be among those of the first record, so that no more is done for a wrong name.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __call__(self, runs: Sequence[ModelRun], which: str = "") -> list[Record]:
        found: list[Record] = []
        for number, run in enumerate(runs, 1):
            say(f"[{which}{number}/{len(runs)}] {run.command}")
            found.append(finish(run, say))
            self._layout.check_metrics(found[0]["metrics"])
        return found


def _measure_the_same(runs: Sequence[ModelRun]) -> bool:
    """Whether all have the same figures: an edit's depend on the new class."""
    return len({run.config.edit.class_idx for run in runs if isinstance(run, EditingRun)}) < 2


def _written_at(folder: Path) -> dict[Path, int]:
    """The folder's files, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*") if path.is_file()}


def _in_words(folder: Path, paths: Sequence[Path]) -> str:
    """The files in the folder, those of one name together: 'out/a.md, .png, b.png'."""
    suffixes: dict[str, list[str]] = {}
    for path in paths:
        suffixes.setdefault(path.stem, []).append(path.suffix)
    return f"{folder}/" + ", ".join(stem + ", ".join(each) for stem, each in suffixes.items())


def _command(overrides: Sequence[str], task: str) -> str:
    return shell_command(overrides, own_folder(), task)


def _without_seeds(shared: Sequence[str], seeds: Sequence[str]) -> list[str]:
    """The shared options without seeds, where a block has its own."""
    return [each for each in shared if not seeds or _top(each) != "seeds"]


def _task(given: object) -> str:
    require(given in KINDS, "task", given, f"one of {', '.join(KINDS)}")
    return str(given)


def _origin(figures: Sequence[float | None], source: object) -> tuple[str, str, int] | None:
    """Metric, source and number of images of the experiment's published figures; None where none are of this model."""
    if all(each is None for each in figures):
        return None
    check_published(source)
    assert isinstance(source, Mapping)
    return str(source["metric"]), str(source["source"]), source["num_images"]


def _published(
    records: Sequence[Record], figures: Sequence[float | None], origin: tuple[str, str, int] | None
) -> Published | None:
    """What the experiment says of the published figures of these records; None where there are none."""
    known = {record["command"]: each for record, each in zip(records, figures, strict=True) if each is not None}
    if origin is None or not known:
        return None
    metric, source, num_images = origin
    return Published(metric, source, known, num_images)


def _shared(task: str) -> tuple[dict[str, Any], list[str], Collection[str]]:
    """The comparison's values, the overrides of ``task`` that give every run its options, and the card's settings.

    What the user typed stays as it is; what an experiment says beside it is added, so that a run's command makes the
    same run without the experiment.
    """
    typed = list(HydraConfig.get().overrides.task)
    for each in typed:
        if _top(each) == "sampler":
            raise UserError(f"{each}: {_PUT_IT_THERE}")
    config, chosen = _composed(comparison_config_name(task), [*typed, "~sampler"])
    experiment = f"experiment={chosen.get('experiment')}"
    unresolved = OmegaConf.to_container(config)
    assert isinstance(unresolved, dict)
    if unresolved.get("experiment"):
        # Its options would lie below its own name, and be left out.
        raise UserError(f"{experiment}: its file must begin with the line '# @package _global_'")
    for group in ("model", "detector"):
        if isinstance(given := unresolved.get(group), str):
            form = f"defaults: [override /{group}: {given}]"
            raise UserError(f"{experiment}: {group}={given}: is chosen in its defaults list, as {form}")
    values = plain_values(config)
    shared = [each for each in typed if _top(each) not in _OWN and not re.match(r"\+*model=", each)]
    if chosen.get("model") is not None:
        shared.insert(0, f"+model={chosen['model']}")
    _, by_itself = _composed(task, shared)
    # Without the sampler that the task would take, what is left of one is the experiment's.
    own = list(differences({"sampler": values.pop("sampler", {})}, {"sampler": {}}))
    sampler = HydraConfig.get().runtime.choices.get("sampler")
    for option in own or ([] if sampler == by_itself.pop("sampler") else [f"sampler={sampler}"]):
        raise UserError(f"{experiment}: {option.lstrip('+')}: {_PUT_IT_THERE}")
    shared += [override(group, choice) for group, choice in chosen.items() if by_itself.get(group, choice) != choice]
    plain = plain_values(_composed(task, [*shared, "~sampler"])[0])
    shared += differences({name: value for name, value in values.items() if name not in _OWN}, plain)
    return values, shared, values["model"].get("settings") or ()


def _composed(name: str, overrides: list[str]) -> tuple[DictConfig, dict[str, Any]]:
    """The config, and what is chosen of each group."""
    config = compose(config_name=name, overrides=overrides, return_hydra_config=True)
    choices = {key: value for key, value in config.hydra.runtime.choices.items() if not key.startswith("hydra/")}
    with open_dict(config):
        del config["hydra"]
    if chosen := detectors_apart(config, name, overrides):
        choices["detector"] = chosen if len(chosen) > 1 else chosen[0]
    return config, choices


def _top(override: str) -> str:
    """The group or section that an override is of: 'model' of '+model=digits' and of 'model.reference=x'."""
    return override.lstrip("+~").partition("=")[0].partition(".")[0]
