"""A run of inversion: its images become latents and images again, with the errors of the way there and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.lines import Say
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_inverter import BlockInverter, InversionShard, as_states
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.plan import format_seeds
from bdia_edm.metrics.latents import LatentFigures, RoundTripErrors, latent_warning
from bdia_edm.records.record import Labels, Record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.wording import run_words
from bdia_edm.report.pictures import write_round_trips
from bdia_edm.run.run import InversionRun
from bdia_edm.run.summary import finish_record, labels_of_run, model_facts, whole
from bdia_edm.samplers.inversion import growth_warning

__all__ = ["Cost", "Inverting", "OfImages"]

R = TypeVar("R", bound=InversionShard)

_SHOWN = 16


class OfImages(Generic[R]):
    """What the deeds of runs over given images have in common (``Deeds``); a subclass says what is made of them.

    Attributes:
        kind: of the results, which stay: they hold the latents.
        what: is made, in words.
    """

    kind: type[R]
    what: ClassVar[str]
    keeps_shards = True

    def __init__(self, run: InversionRun) -> None:
        self.run = run

    @property
    def folder(self) -> BlockFolder[R]:
        return BlockFolder(self.run.folder, self.run.identity, self.kind)

    @property
    def labels(self) -> Labels:
        """How the sampler calls itself, with the iterations of its inverse."""
        labels, iterations = labels_of_run(self.run), self.run.config.iterations
        return {**labels, "sampler": f"{labels['sampler']} iterations={iterations}"} if iterations else labels

    def inverter(self, **edit: Any) -> BlockInverter:
        """What inverts the images; with ``new_labels``, ``step`` and ``keeps_partner`` it edits them."""
        run, config = self.run, self.run.config
        return BlockInverter(
            denoiser=run.denoiser,
            sampler=config.sampler,
            images=run.images,
            labels=run.labels,
            device=run.device,
            batch_size=config.images_at_once,
            iterations=config.iterations,
            **edit,
        )

    def has_all(self) -> bool:
        return all(self.folder.path(block).is_file() for block in self.run.blocks)

    def words(self) -> str:
        config, indices = self.run.config, format_seeds(self.run.indices)
        return run_words(self.labels, config.sampler.num_steps, indices, config.class_idx, f"{self.what} of images")

    def growth(self, step: int = 0) -> list[str]:
        """The warning of rounding that grows on the way up to the level of ``step``, where it does."""
        sampler = self.run.config.sampler
        assert sampler.num_steps is not None  # a list of levels has been counted
        found = growth_warning(sampler, sampler.num_steps - step)
        return [found] if found else []

    def finish(self, cost: Cost, facts: Mapping[str, Any]) -> Record:
        """Writes the record."""
        run, config = self.run, self.run.config
        own = {
            "labels": self.labels,
            "images": config.images,
            "iterations": config.iterations,
            "nfe_inverse": whole(cost.evaluations_inverse / len(run.indices)),
        }
        everything = {**model_facts(run), **own, **facts}
        return finish_record(run.folder, run.indices, config.sampler, cost.evaluations, cost.seconds, everything)


@dataclass
class Cost:
    """What the shards took together."""

    evaluations_inverse: int = 0
    evaluations: int = 0
    seconds: float = 0.0

    def add(self, shard: InversionShard) -> None:
        """Adds a block's."""
        self.evaluations_inverse += shard.evaluations_inverse
        self.evaluations += shard.evaluations
        self.seconds += shard.seconds


class Inverting(OfImages[InversionShard]):
    """The deeds of a run of inversion."""

    kind = InversionShard
    what = "inverse"

    def work(self) -> BlockWork[InversionShard]:
        return BlockWork(self.run.title, self.run.blocks, self.folder, self.inverter())

    def warnings(self) -> list[str]:
        return self.growth()

    def summarize(self, shards: Iterator[InversionShard], facts: Mapping[str, Any], say: Say) -> Record:
        run, config = self.run, self.run.config
        errors, latents, cost = RoundTripErrors(), None, Cost()
        shown: list[tuple[NDArray[np.float64], ...]] = []
        for shard in shards:
            originals = as_states(shard.originals)
            errors.add(originals, shard.reconstructions)
            latents = latents or LatentFigures(shard.level)
            latents.add(shard.states[:, 0])
            cost.add(shard)
            if sum(len(each[0]) for each in shown) < _SHOWN:
                shown.append((originals, shard.states[:, 0] / shard.level, shard.reconstructions))
        assert latents is not None  # no run is without images
        figures = {**errors.figures(), **latents.figures()}
        warning = latent_warning(figures)
        if warning:
            say(warning)
        before, between, after = (np.concatenate(each)[:_SHOWN] for each in zip(*shown, strict=True))
        title = f"{config.model.name}, {run.title}"
        write_round_trips(RunFolder(run.folder).round_trips, before, between, after, title)
        said = [*facts["warnings"], *([warning] if warning else [])]
        measured = {"metrics": figures, "higher_is_better": ["roundtrip_psnr", "roundtrip_psnr_grey"]}
        return self.finish(cost, {**measured, **facts, "warnings": said})
