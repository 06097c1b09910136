"""A run of sampling: its blocks of seeds become images, features and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bdia_edm.base.lines import Say
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_sampler import BlockSampler
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.plan import format_seeds
from bdia_edm.engine.shards import Shard
from bdia_edm.records.record import Record
from bdia_edm.records.wording import run_words
from bdia_edm.run.encoders import together, too_few_warnings
from bdia_edm.run.run import Run
from bdia_edm.run.summary import labels_of_run, model_facts, summarize
from bdia_edm.workers.sharing import read_all

__all__ = ["Sampling"]


@dataclass(frozen=True)
class Sampling:
    """The deeds of such a run (``Deeds``)."""

    run: Run

    @property
    def keeps_shards(self) -> bool:
        return self.run.config.keep_features

    def work(self) -> BlockWork[Shard]:
        run, config = self.run, self.run.config
        sampler = BlockSampler(
            denoiser=run.denoiser,
            sampler=config.sampler,
            detector=together(run.encoders),
            device=run.device,
            batch_size=config.images_at_once,
            class_idx=config.class_idx,
            keep_images=config.save_images != "none",
            keep_logits=any("logits" in metric.needs for metric in run.metrics),
            keep_ode_errors=any("ode_errors" in metric.needs for metric in run.metrics),
        )
        return BlockWork(run.title, run.blocks, self._folder, sampler)

    def has_all(self) -> bool:
        run, folder = self.run, self._folder
        kept = not self.keeps_shards or all(folder.path(block).is_file() for block in run.blocks)
        return kept and all(folder.images.holds(block.index, block.seeds) for block in run.blocks)

    def words(self) -> str:
        config = self.run.config
        return run_words(
            labels_of_run(self.run), config.sampler.num_steps, format_seeds(config.seeds), config.class_idx
        )

    def warnings(self) -> list[str]:
        run, config = self.run, self.run.config
        found = too_few_warnings(run.encoders, len(config.seeds))
        if run.encoders and config.class_idx is not None:
            found.append(
                f"warning: class_idx={config.class_idx}: the images are of one class; unless model.reference="
                f"{config.model.reference} is of this class alone, the distance says that the others are missing"
            )
        return found

    def summarize(self, shards: Iterator[Shard], facts: Mapping[str, Any], say: Say) -> Record:
        run, config = self.run, self.run.config
        return summarize(
            shards,
            run.folder,
            seeds=config.seeds,
            sampler=config.sampler,
            encoders=run.encoders,
            metrics=run.metrics,
            again=lambda: read_all(self.work(), say),
            facts={
                **model_facts(run),
                "detector": run.encoders[0].detector.name if run.encoders else config.detector.name,
                "series": run.series,
                **facts,
            },
        )

    @property
    def _folder(self) -> BlockFolder[Shard]:
        return BlockFolder(self.run.folder, self.run.identity, Shard, self.run.config.save_images)
