"""A run of inversion: its images become latents and images again, with the errors of the way there and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
from bdia_edm.run.summary import facts_of, finish_record, labels_of, whole
from bdia_edm.samplers.inversion import growth_warning
from bdia_edm.samplers.sampler import Sampler

__all__ = ["Inverting", "labels_with"]

_SHOWN = 16


@dataclass(frozen=True)
class Inverting:
    """The deeds of such a run (``Deeds``)."""

    run: InversionRun

    # They hold the latents.
    keeps_shards = True

    def work(self) -> BlockWork[InversionShard]:
        return BlockWork(self.run.title, self.run.blocks, self._folder, self.inverter())

    def inverter(
        self, new_labels: NDArray[np.int64] | None = None, step: int = 0, keeps_partner: bool = True
    ) -> BlockInverter:
        """What inverts the images; with ``new_labels`` it edits them (see ``BlockInverter``)."""
        run, config = self.run, self.run.config
        return BlockInverter(
            denoiser=run.denoiser,
            sampler=config.sampler,
            images=run.images,
            labels=run.labels,
            device=run.device,
            batch_size=config.batch_size,
            iterations=config.iterations,
            new_labels=new_labels,
            step=step,
            keeps_partner=keeps_partner,
        )

    def has_all(self) -> bool:
        return all(self._folder.path(block).is_file() for block in self.run.blocks)

    def words(self) -> str:
        config = self.run.config
        indices = format_seeds(self.run.indices)
        return run_words(self._labels, config.sampler.num_steps, indices, config.class_idx, "inverse of images")

    def warnings(self) -> list[str]:
        sampler = self.run.config.sampler
        assert sampler.num_steps is not None  # a list of levels has been counted
        found = growth_warning(sampler, sampler.num_steps)
        return [found] if found else []

    def summarize(self, shards: Iterator[InversionShard], facts: Mapping[str, Any], say: Say) -> Record:
        run, config = self.run, self.run.config
        errors, latents = RoundTripErrors(), None
        up, both, seconds = 0, 0, 0.0
        shown: list[tuple[NDArray[np.float64], ...]] = []
        for shard in shards:
            originals = as_states(shard.originals)
            errors.add(originals, shard.reconstructions)
            latents = latents or LatentFigures(shard.level)
            latents.add(shard.states[:, 0])
            up, both, seconds = up + shard.evaluations_inverse, both + shard.evaluations, seconds + shard.seconds
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
        return finish_record(
            run.folder,
            run.indices,
            config.sampler,
            both,
            seconds,
            {
                **facts_of(run),
                "labels": self._labels,
                "metrics": figures,
                "images": config.images,
                "iterations": config.iterations,
                "nfe_inverse": whole(up / len(run.indices)),
                "higher_is_better": ["roundtrip_psnr"],
                **facts,
                "warnings": [*facts["warnings"], *([warning] if warning else [])],
            },
        )

    @property
    def _labels(self) -> Labels:
        return labels_with(self.run.config.sampler, self.run.config.iterations)

    @property
    def _folder(self) -> BlockFolder[InversionShard]:
        return BlockFolder(self.run.folder, self.run.identity, InversionShard)


def labels_with(sampler: Sampler, iterations: int) -> Labels:
    """How the sampler calls itself, with the iterations of its inverse."""
    labels = labels_of(sampler)
    return {**labels, "sampler": f"{labels['sampler']} iterations={iterations}"} if iterations else labels
