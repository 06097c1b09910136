"""What a run of editing pictures does: its blocks, and from their shards to pictures and the record."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.lines import Say, printable
from bdia_edm.base.versions import installed_versions
from bdia_edm.base.whole_files import written_whole
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.engine.plan import format_seeds
from bdia_edm.engine.precision import describe_precision
from bdia_edm.records.record import Record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.records.wording import run_words, shortened
from bdia_edm.report.pictures import write_in_columns
from bdia_edm.run.summary import facts_of, finish_record, labels_of, whole
from bdia_edm.text_to_image.edits.folder import PictureFolder
from bdia_edm.text_to_image.edits.maker import EditMaker
from bdia_edm.text_to_image.edits.run import EditPicturesRun, Named
from bdia_edm.text_to_image.edits.shard import HIGHER_IS_BETTER, PictureShard, figures_of

__all__ = ["EditingPictures"]

_MAGNIFIED = 10
_PROMPT = 24
_MB = 2**20


class EditingPictures:
    """The deeds of such a run (``bdia_edm.run.deeds.Deeds``); the shards stay, with the figures of every picture."""

    keeps_shards = True

    def __init__(self, run: EditPicturesRun) -> None:
        self.run = run

    @property
    def folder(self) -> PictureFolder:
        """Where the blocks are."""
        run = self.run
        return PictureFolder(run.folder, run.identity, PictureShard, "png", keeps_inverted=run.config.keep_inverted)

    def work(self) -> BlockWork[PictureShard]:
        run = self.run
        maker = EditMaker(
            pipe=run.pipe,
            config=run.config,
            tasks=run.tasks,
            folder=self.folder,
            measures=run.measures,
            device=run.device,
        )
        return BlockWork(run.title, run.blocks, self.folder, maker)

    def has_all(self) -> bool:
        return all(self.folder.has(block) for block in self.run.blocks)

    def words(self) -> str:
        named = Named(self.run.config)
        what = "edit of pictures" if self.run.edits else "round trip of pictures"
        return run_words(labels_of(named), self.run.config.num_steps, format_seeds(self.run.indices), None, what)

    def warnings(self) -> list[str]:
        return list(self.run.notes)

    def summarize(self, shards: Iterator[PictureShard], facts: Mapping[str, Any], say: Say) -> Record:
        run, config = self.run, self.run.config
        every = list(shards)
        shown = np.concatenate([each.preview for each in every])
        self._write_pictures(shown)
        evaluations = self._sum(every, "evaluations_inverse") + self._back(every)
        seconds = self._sum(every, "seconds_inverse") + self._sum(every, "seconds_back")
        figures = figures_of(every)
        network = str(run.pipe.unet.dtype).removeprefix("torch.")
        own = {
            "model": run.model_name,
            "class_idx": None,
            "images": ", ".join(config.image),
            "nfe_inverse": whole(self._sum(every, "evaluations_inverse") / len(run.indices)),
            "precision": {
                **describe_precision(run.pipe.unet, run.device),
                "activations": network,
                "state": config.state_dtype,
            },
            "versions": installed_versions("torch", "numpy", "hydra-core", *_LIBRARIES),
            "metrics": figures,
            "higher_is_better": [name for name in HIGHER_IS_BETTER if name in figures],
            "costs": self._costs(every),
        }
        return finish_record(
            run.folder, run.indices, Named(config), evaluations, seconds, {**facts_of(run), **own, **facts}
        )

    def _costs(self, shards: list[PictureShard]) -> dict[str, float]:
        """What a picture took; the memory is the most that any block did."""
        run, num = self.run, len(self.run.indices)
        names = {
            "evaluations_roundtrip": "nfe_roundtrip",
            "gradients": "gradients",
            "seconds_inverse": "seconds_inverse",
        }
        found = {told: whole(self._sum(shards, name) / num) for name, told in names.items()}
        found["seconds_back"] = self._sum(shards, "seconds_back") / num
        memory = "peak_memory_mb" if run.device_type == "cuda" else "peak_growth_mb"
        return {**found, memory: round(max(each.peak_memory for each in shards) / _MB, 1)}

    def _back(self, shards: list[PictureShard]) -> int:
        """Evaluations of the ways forward: the edits', and the round trips' of pictures without one."""
        edits = [task.edit is not None for task in self.run.tasks.tasks]
        ways = [np.concatenate([getattr(each, name) for each in shards]) for name in _FORWARD]
        return int(np.where(edits, *ways).sum())

    @staticmethod
    def _sum(shards: list[PictureShard], name: str) -> Any:
        return sum(value for each in shards for value in getattr(each, name).tolist())

    def _write_pictures(self, shown: NDArray[np.uint8]) -> None:
        """The first pictures and what became of them; (m, 4, H, W, 3) as in the shards."""
        run, files = self.run, RunFolder(self.run.folder)
        picture, alone, back, edited = shown.swapaxes(0, 1)
        prompts = [task.edit for task in itertools.islice(run.tasks.tasks, len(shown))]
        columns = [
            ("picture", picture),
            ("autoencoder\nalone", alone),
            ("round trip", back),
            (f"round trip less\nautoencoder ×{_MAGNIFIED}", _less(back, alone, _MAGNIFIED)),
        ]
        if run.edits:
            several = len(set(prompts)) > 1 or prompts[0] is None
            words = "" if several else f"\n{printable(shortened(str(prompts[0]), _PROMPT))}"
            columns += [(f"edit{words}", edited), ("edit less\npicture", _less(edited, picture, 1))]
        write_in_columns(files.edits, columns, f"{run.model_name}, {run.title}")
        with written_whole(files.preview) as partial, partial.open("wb") as file:
            numbers = np.array(run.indices[: len(shown)])
            np.savez(file, arr_0=edited, originals=picture, labels=np.full(len(shown), -1), seeds=numbers)


_FORWARD = ("evaluations_edit", "evaluations_roundtrip")
_LIBRARIES = ("diffusers", "transformers", "accelerate", "safetensors", "pillow", "scikit-image")


def _less(one: NDArray[np.uint8], other: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    """The difference of two pictures around grey."""
    return np.clip(128 + times * (one.astype(np.float64) - other), 0, 255).astype(np.uint8)
