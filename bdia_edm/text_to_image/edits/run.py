"""A run that edits pictures, as data; and from a checked config to it: pipeline, pictures and measures, all looked at.

What is wrong is found here, before the first evaluation.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bdia_edm.base.lines import one_line
from bdia_edm.config.common_config import require_blocks
from bdia_edm.run.loading import check_workers, place_of, require_writable
from bdia_edm.run.run import AnyRun, in_file_names, shown_number
from bdia_edm.text_to_image.beginning import begin
from bdia_edm.text_to_image.edits.config import EditPicturesConfig
from bdia_edm.text_to_image.edits.measures import Measures, load_measures
from bdia_edm.text_to_image.edits.tasks import Checked, Tasks, find_tasks
from bdia_edm.text_to_image.loading import load_pipeline
from bdia_edm.text_to_image.pictures import decode, encode, latent_factor
from bdia_edm.text_to_image.prompts import check_prompt

__all__ = ["EditPicturesRun", "Named", "prepare_edit_pictures"]


@dataclass(frozen=True)
class Named:
    """How a run's method calls itself in tables (``bdia_edm.run.summary.Labelled``)."""

    config: EditPicturesConfig
    is_baseline: bool = False

    @property
    def name(self) -> str:
        """The method's."""
        return self.config.method

    @property
    def title(self) -> str:
        """The method's, for people."""
        return type(self.config.way).__name__

    @property
    def label(self) -> str:
        """The name with every option that has no column and is not its default."""
        config, way = self.config, self.config.way
        usual = type(way)()
        own = {name: value for name, value in way.options().items() if value != getattr(usual, name)}
        told = [f"{name}={value}" for name, value in own.items() if name not in way.in_columns]
        for name, usually in (("set_alpha_to_one", None), ("state_dtype", "float64"), ("network_dtype", "auto")):
            value = getattr(config, name)
            told += [] if value == usually else [f"{name}={str(value).lower()}"]
        return " ".join([self.name, *told, *(["low_memory"] if config.low_memory else [])])

    @property
    def columns(self) -> Mapping[str, str | float | bool | None]:
        """The options that tables have columns for."""
        way = self.config.way
        own = {name: getattr(way, name) for name in way.in_columns}
        return {**own, "guidance": self.config.guidance, "strength": self.config.part}

    def options(self) -> dict[str, Any]:
        """All of the method's, with the number of steps."""
        config = self.config
        beside = {"guidance_scale": config.guidance, "strength": config.part}
        return {"num_steps": config.num_steps, **beside, **config.way.options()}


@dataclass(frozen=True, kw_only=True)
class EditPicturesRun(AnyRun):
    """A run of editing pictures.

    Attributes:
        pipe: the pipeline; its checksum is 'pipeline'.
        tasks: the pictures that were chosen.
        indices: their numbers.
        pictures: what was found when they were read, for other runs of the same.
        measures: of edits.
        notes: warnings that are known before the first picture.
    """

    task = "edit_pictures"
    home = "bdia_edm.text_to_image.edits.kind"
    config: EditPicturesConfig
    pipe: Any
    tasks: Tasks
    indices: Sequence[int]
    pictures: Checked
    measures: Measures
    notes: tuple[str, ...]

    __repr__ = AnyRun.__repr__

    @property
    def items(self) -> Sequence[int]:
        return self.indices

    @property
    def model_name(self) -> str:
        """The pipeline's, as tables call it: the end of its folder, or its hub id."""
        path = Path(self.config.pipeline).expanduser()
        return path.resolve().name if path.is_dir() else self.config.pipeline

    @property
    def edits(self) -> bool:
        """Whether the pictures are edited, and not only brought back."""
        return any(task.edit is not None for task in self.tasks.tasks)

    @property
    def title(self) -> str:
        named = Named(self.config)
        columns = [f"{name}={shown_number(value)}" for name, value in named.columns.items() if value is not None]
        what = "edit" if self.edits else "round trip"
        return " ".join([f"{what} by", named.label, *columns, f"{self.config.num_steps} steps"])

    @property
    def folder(self) -> Path:
        named, model = Named(self.config), re.sub(r"[^-\w.]", "-", self.model_name, flags=re.ASCII)
        words = [model, "edit", named.name, f"{self.config.num_steps}steps"]
        words += [*in_file_names(named.label, named.columns), self.digest]
        return Path(self.config.results_dir) / "-".join(words)


def prepare_edit_pictures(config: EditPicturesConfig, command: str) -> EditPicturesRun:
    """Reads the pipeline, the pictures and what measures them, and checks them against each other and the config.

    Args:
        command: what the user typed, for the record.

    Raises:
        UserError: anything is wrong.
    """
    device, device_type = place_of(config)
    every = find_tasks(config)
    indices = config.chosen(len(every))
    require_blocks(len(indices), config.block_size, "pictures")
    pipe, checksum = load_pipeline(config.pipeline, device, config.network_dtype)
    notes = _check_method(config, pipe)
    factor, own = latent_factor(pipe.vae), _size_of(pipe)
    tasks = Tasks([every[number] for number in indices], own if config.resize else None)
    prompts = {(task.prompt, "prompt"): 0 for task in tasks.tasks}
    prompts |= {(task.edit, "edit"): 0 for task in tasks.tasks if task.edit is not None}
    for words, name in [*prompts, (config.negative_prompt, "negative_prompt")]:
        check_prompt(pipe, words, name)
    measures, checksums = load_measures(config.structure, config.clip, [words for words, _ in prompts], device)
    pictures = tasks.check(factor)
    if (size := pictures.size) != own:
        notes.append(
            f"warning: image: {size[1]} x {size[0]} pixels, and the pipeline's own size is {own[1]} x {own[0]}; "
            "resize=true makes them fit"
        )
    if pipe.vae.dtype == torch.float16 and device.type == device_type:
        # Where it becomes NaN it is said now, and not after other pictures' inversions.
        decode(pipe.vae, encode(pipe.vae, tasks.read(0).pixels, device, torch.float32))
    run = EditPicturesRun(
        config=config,
        command=command,
        device=device,
        device_type=device_type,
        checksums={"pipeline": checksum, "images": pictures.checksum, **checksums},
        pipe=pipe,
        tasks=replace(tasks, tasks=pictures.tasks),
        indices=indices,
        pictures=pictures,
        measures=measures,
        notes=tuple(notes),
    )
    check_workers(run)
    require_writable(Path(config.results_dir))
    return run


def _check_method(config: EditPicturesConfig, pipe: Any) -> list[str]:
    """Looks whether the pipeline can be inverted by the method; what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        begin(
            pipe,
            config.method,
            config.way.options(),
            inverts=True,
            num_steps=config.num_steps,
            guidance=config.guidance,
            strength=config.part,
            timesteps=None,
            set_alpha_to_one=config.set_alpha_to_one,
            state_dtype=getattr(torch, config.state_dtype),
            low_memory=config.low_memory,
        )
    return [f"warning: {one_line(each.message)}" for each in caught]


def _size_of(pipe: Any) -> tuple[int, int]:
    """Height and width, in pixels, that the network was trained for."""
    size, factor = pipe.unet.config.sample_size, latent_factor(pipe.vae)
    height, width = (size, size) if isinstance(size, int) else size
    return height * factor, width * factor
