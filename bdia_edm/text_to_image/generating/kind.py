"""Makes runs of many prompts known to the engine: what such a run does, and how it is read and prepared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bdia_edm.base.lines import Say
from bdia_edm.base.versions import installed_versions
from bdia_edm.config.generation_config import GenerationConfig, read_generation_config
from bdia_edm.engine.block_folder import BlockFolder
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.plan import format_seeds
from bdia_edm.engine.precision import describe_precision
from bdia_edm.records.record import Record
from bdia_edm.records.wording import run_words
from bdia_edm.run.encoders import together, too_few_warnings
from bdia_edm.run.kinds import KINDS, Kind
from bdia_edm.run.summary import RECORDED, facts_of, labels_of, summarize
from bdia_edm.text_to_image.generating.block_generator import BlockGenerator, PictureShard
from bdia_edm.text_to_image.generating.mean_score import MeanScore
from bdia_edm.text_to_image.generating.run import TASK, GenerationRun, prepare_generation
from bdia_edm.text_to_image.pipelines import name_of
from bdia_edm.workers.sharing import read_all

__all__ = ["TASK", "Generating"]


@dataclass(frozen=True)
class Generating:
    """The deeds of such a run (``Deeds``)."""

    run: GenerationRun

    @property
    def keeps_shards(self) -> bool:
        return self.run.config.keep_features

    def work(self) -> BlockWork[PictureShard]:
        run = self.run
        maker = BlockGenerator(
            pipe=run.pipe,
            sampler=run.sampler,
            prompts=run.prompts,
            shape=run.latent_shape,
            size=run.size,
            device=run.device,
            detector=together(run.encoders),
            clip=run.clip,
            keep_images=run.config.save_images != "none",
            keep_logits=any("logits" in metric.needs for metric in run.metrics),
        )
        return BlockWork(run.title, run.blocks, self._folder, maker)

    def has_all(self) -> bool:
        run, folder = self.run, self._folder
        kept = not self.keeps_shards or all(folder.path(block).is_file() for block in run.blocks)
        return kept and all(folder.images.holds(block.index, block.seeds) for block in run.blocks)

    def words(self) -> str:
        run = self.run
        return run_words(labels_of(run.sampler), run.sampler.num_steps, format_seeds(run.seeds), None)

    def warnings(self) -> list[str]:
        run = self.run
        found = too_few_warnings(run.encoders, len(run.seeds))
        if run.num_truncated:
            found.append(f"warning: {run.num_truncated:,} of {len(run.prompts):,} prompts are cut: too many tokens")
        return found

    def summarize(self, shards: Iterator[PictureShard], facts: Mapping[str, Any], say: Say) -> Record:
        run = self.run
        state = {"state": name_of(run.sampler.state_dtype)}
        return summarize(
            shards,
            run.folder,
            seeds=run.seeds,
            sampler=run.sampler,
            encoders=run.encoders,
            metrics=run.metrics,
            again=lambda: read_all(self.work(), say),
            also=[] if run.clip is None else [MeanScore("clip_score", lambda shard: shard.clip_scores)],
            facts={
                **facts_of(run),
                "model": run.name,
                "class_idx": None,
                "precision": {**describe_precision(run.pipe.unet, run.device), **state},
                "detector": run.encoders[0].detector.name if run.encoders else "none",
                "prompts": run.config.prompts,
                "conditions": run.conditions,
                "series": run.series,
                "versions": installed_versions(*RECORDED, "diffusers", "transformers"),
                **facts,
            },
        )

    @property
    def _folder(self) -> BlockFolder[PictureShard]:
        run = self.run
        return BlockFolder(run.folder, run.identity, PictureShard, run.config.save_images)


KINDS[TASK] = Kind(GenerationConfig, (), read_generation_config, prepare_generation, Generating)
