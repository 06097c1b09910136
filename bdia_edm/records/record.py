"""Records: one JSON file per finished run, everything that is needed to trust a figure and to repeat it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypedDict, cast

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import write_text_whole
from bdia_edm.records.json_types import AtLeast, checked, parse, schema_of
from bdia_edm.records.run_folder import RECORD, RunFolder, run_folders
from bdia_edm.records.text_files import read_text

__all__ = ["FigureUncertainty", "Labels", "Record", "Records", "as_record", "read_record", "read_records"]
__all__ += ["record_schema", "to_json", "write_record"]


class SamplerOptions(TypedDict):
    """What every sampler has among its options.

    Attributes:
        name: the sampler's.
        num_steps: number of steps.
    """

    name: str
    num_steps: Annotated[int, AtLeast(0)]


class Labels(TypedDict):
    """How the sampler calls itself in tables and pictures.

    Attributes:
        sampler: its name, with every option that is not its default and has no column.
        title: its name for pictures.
        columns: the options that have a column of their own in tables.
        is_baseline: whether others are compared with it.
    """

    sampler: str
    title: str
    columns: dict[str, str | float | bool | None]
    is_baseline: bool


class Device(TypedDict):
    """Where the images were made; the device's name, and a CPU's number of cores, stand beside.

    Attributes:
        type: 'cpu' or 'cuda'.
    """

    type: str


class FigureUncertainty(TypedDict):
    """How sure a figure is, over other seeds.

    Attributes:
        standard_error: of the figure.
        method: 'influence', of the influence function's numbers; or 'jackknife', of the figures without each of 20
            groups of images, where those are few.
    """

    standard_error: Annotated[float, AtLeast(0)]
    method: str


class _Read(TypedDict):
    """What tables and ``status`` are made of: without one of these a file is no record."""

    model: str
    sampler: SamplerOptions
    labels: Labels
    seeds: str
    class_idx: int | None
    num_images: Annotated[int, AtLeast(1)]
    nfe: Annotated[float, AtLeast(0)]
    metrics: dict[str, float]
    images_per_second: Annotated[float, AtLeast(0)]
    command: str
    device: Device
    checksums: dict[str, str]


class Record(_Read, total=False):
    """A finished run, in values that JSON takes; files of earlier versions lack some of those that nothing reads.

    Attributes:
        model: its card's name.
        sampler: its name and all of its options.
        labels: how it calls itself.
        seeds: as they were given, in the shortest form: '0-99,200'; of an inversion or an edit the images' numbers.
        class_idx: the one class of all images; None where each image's own is drawn, and for unconditional networks.
        num_images: as many as there are seeds.
        nfe: evaluations of the denoiser per image, counted.
        batch_size: images that were made at once; of batch_size=auto what was measured.
        task: the command that made the run: 'sample' (also of records that do not say it), 'invert',
            'edit', 'edit_pictures' (edit with a text-to-image pipeline) or 'generate'.
        images: of an inversion or an edit what was inverted, as it was given.
        iterations: of these the fixed-point iterations of every step.
        nfe_inverse: of these the evaluations on the way up alone; ``nfe`` is of both ways.
        prompts: of a run of many prompts the file of these, as it was given.
        conditions: what else records must share to be compared, by its name in words: the guidance, say.
        costs: of an edit of pictures what one took beside ``nfe``: evaluations of the round trip, gradients, seconds
            of both ways, and the most memory.
        detector: its card's name.
        metrics: every figure by its name; empty without a detector.
        distances: the figure that is the Fréchet distance in a detector's features, by the detectors' names; without it
            there is one such figure at most.
        higher_is_better: names of the figures of which more is better; of the others less is.
        num_reference_features: images of the data whose features were compared with the images' one by one.
        uncertainty: of the distances among the metrics, by their names; of two runs on the same seeds that of the
            difference, from uncertainty.npz beside the record, is far less.
        warnings: what made the figures doubtful before the first image was made, as it was said.
        workers: how many there were at the end.
        images_found: how many of the images an earlier start had made; 0 unless the run was resumed.
        wall_seconds: the time that the last start took for the others, from the plan to the last block by the clock on
            the wall; without loading and the metrics.
        images_per_wall_second: those others / wall_seconds: how fast all workers of the last start were together.
        device_seconds: what sampling and features took, summed over all workers of all starts.
        images_per_second: num_images / device_seconds: how fast one worker was on average, however many there were;
            this is what tables show.
        finished: when, in UTC (ISO 8601).
        command: what the user typed.
        device: its type ('cpu', 'cuda') and its name; of a CPU also the number of cores.
        precision: what the images' last bits depend on beside the config.
        checksums: SHA-256 of the model, the detector and the reference.
        versions: of Python, this program and what figures may depend on.
        code: this program's own in the last start: 'source', the SHA-256 of its modules, and 'commit', git's, where
            there is one.
        arithmetic: the version of what this program computes, raised when a figure moves.
        series: SHA-256 of everything that decides the figures but the seeds: runs that share it are blocks of seeds of
            the same experiment.
        config: the whole config, as plain values.
    """

    batch_size: Annotated[int, AtLeast(1)]
    task: str
    images: str
    iterations: int
    nfe_inverse: Annotated[float, AtLeast(0)]
    prompts: str
    conditions: dict[str, str | float | bool | None]
    costs: dict[str, float]
    detector: str
    distances: dict[str, str]
    higher_is_better: list[str]
    num_reference_features: int
    uncertainty: dict[str, FigureUncertainty]
    warnings: list[str]
    workers: int
    images_found: int
    wall_seconds: float
    images_per_wall_second: float
    device_seconds: float
    finished: str
    precision: dict[str, Any]
    versions: dict[str, str]
    code: dict[str, str]
    arithmetic: int
    series: str
    config: dict[str, Any]


def to_json(record: Mapping[str, Any], indent: int | None = 2) -> str:
    """Strict JSON; infinite numbers, which JSON has not, become the texts 'inf' and '-inf'."""
    return json.dumps(_plain(record), indent=indent, allow_nan=False)


def write_record(folder: Path, record: Record) -> None:
    """Writes the record into ``folder``, whole or not at all."""
    write_text_whole(RunFolder(folder).record, to_json(record) + "\n", durable=True)


def read_record(folder: Path) -> Record | None:
    """The record in ``folder``, None where there is none.

    Raises:
        UserError: the file is damaged.
    """
    path = RunFolder(folder).record
    try:
        return as_record(parse(read_text(path)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise UserError(f"{path}: not a readable record ({reason}); remove it to run again") from error


def as_record(value: Any) -> Record:
    """A value from JSON as a record.

    Raises:
        ValueError: it is none; says what is missing or of another type.
    """
    if isinstance(value, dict) and isinstance(value.get("sampler"), dict):
        value = {**value, "labels": value.get("labels", _labels_of(value["sampler"]))}
    return cast(Record, checked(value, Record))


class Records(NamedTuple):
    """What lies in a folder and below.

    Attributes:
        good: in the order of their folders' names.
        folders: of each of these.
        damaged: for each file that is no record, which one and why.
    """

    good: list[Record]
    folders: list[Path]
    damaged: list[str]


def read_records(folder: Path) -> Records:
    """All records in ``folder`` and below; one that is damaged does not keep the others from being read."""
    found = Records([], [], [])
    for path in run_folders(folder, RECORD):
        try:
            record = read_record(path)
        except UserError as damage:
            found.damaged.append(str(damage))
        else:
            # Somebody may have removed it in this moment.
            if record is not None:
                found.good.append(record)
                found.folders.append(path)
    return found


def record_schema() -> dict[str, Any]:
    """The JSON schema of ``Record``: what record.schema.json beside this module holds."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "The record of a run of bdia_edm"}
    return head | schema_of(Record)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _labels_of(sampler: dict[str, Any]) -> Labels:
    """For records from before samplers said how they are called: all of their options, and no baseline."""
    name = str(sampler.get("name"))
    options = [
        f"{key}={value}" for key, value in sampler.items() if key not in ("name", "num_steps") and value is not None
    ]
    return {"sampler": " ".join([name, *options]), "title": name, "columns": {}, "is_baseline": False}
