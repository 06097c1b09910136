"""A run of editing: its images become those of another class, with how often that is so and what of them stayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.lines import Say
from bdia_edm.base.whole_files import written_whole
from bdia_edm.config.editing_config import NEXT
from bdia_edm.engine.block_editor import BlockEditor, EditShard
from bdia_edm.engine.block_inverter import as_states
from bdia_edm.engine.block_work import BlockWork
from bdia_edm.metrics.edits import HIGHER_IS_BETTER, EditFigures
from bdia_edm.metrics.findings import Findings
from bdia_edm.metrics.latents import grey_levels
from bdia_edm.metrics.metric import FeatureSpace, compute_all, make_metrics
from bdia_edm.metrics.statistics import too_few_images
from bdia_edm.records.record import Labels, Record
from bdia_edm.records.run_folder import RunFolder
from bdia_edm.report.pictures import write_side_by_side
from bdia_edm.run.inverting import Cost, OfImages
from bdia_edm.run.run import EditingRun
from bdia_edm.samplers.inversion import OneStepSampler

__all__ = ["Editing", "unrelated"]

_SHOWN = 24


class Editing(OfImages[EditShard]):
    """The deeds of such a run."""

    run: EditingRun
    kind = EditShard
    what = "edit"

    @property
    def labels(self) -> Labels:
        labels, edit = super().labels, self.run.config.edit
        columns = {**labels["columns"], "edit step": edit.step}
        if not isinstance(self.run.config.sampler, OneStepSampler):
            columns["partner"] = edit.partner
        if edit.class_idx != NEXT:
            columns["new class"] = edit.class_idx
        return {**labels, "columns": columns}

    def work(self) -> BlockWork[EditShard]:
        run, edit = self.run, self.run.config.edit
        inverter = self.inverter(new_labels=run.new_labels, step=edit.step, keeps_partner=edit.partner == "keep")
        editor = BlockEditor(inverter, run.detector, run.device, run.config.images_at_once)
        return BlockWork(run.title, run.blocks, self.folder, editor)

    def warnings(self) -> list[str]:
        run, config = self.run, self.run.config
        found = self.growth(config.edit.step)
        if run.detector is not None and run.reference is not None:
            found.append(too_few_images(len(run.indices), run.detector.num_features))
            if config.edit.class_idx != NEXT:
                found.append(
                    f"warning: edit.class_idx={config.edit.class_idx}: the edited images are of one class; their "
                    f"distance from model.reference={config.model.reference} says that the others are missing"
                )
        return [warning for warning in found if warning]

    def summarize(self, shards: Iterator[EditShard], facts: Mapping[str, Any], say: Say) -> Record:
        run, config = self.run, self.run.config
        edits = EditFigures(classes=run.denoiser.label_dim)
        measured = run.detector is not None and run.reference is not None
        findings = Findings(run.detector.num_features if run.detector else 0, 0, {"moments"} if measured else set())
        cost = Cost()
        shown: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        others, place = unrelated(run.labels, run.new_labels), 0
        for shard in shards:
            num = len(shard.originals)
            originals = as_states(shard.originals)
            edits.add(originals, shard.reconstructions, shard.labels, shard.new_labels, shard.logits)
            mates = others[place : place + num]
            having = [number for number, each in enumerate(mates) if each is not None]
            if having:
                found = self._read([run.indices[each] for each in mates if each is not None])
                edits.add_unrelated(originals[having], as_states(found))
            place += num
            findings.add(shard.features)
            cost.add(shard)
            if sum(len(each[0]) for each in shown) < _SHOWN:
                made = grey_levels(shard.reconstructions).astype(np.uint8).transpose(0, 2, 3, 1)
                shown.append((shard.originals, made, shard.new_labels))
        figures = edits.figures()
        if run.detector is not None and run.reference is not None and len(run.indices) > 1:
            space = FeatureSpace(run.detector.name, run.detector.distance_name)
            figures |= compute_all(make_metrics(["frechet"]), findings, run.reference, space)
        before, after, new_labels = (np.concatenate(each)[:_SHOWN] for each in zip(*shown, strict=True))
        self._write_pictures(before, after, new_labels)
        said = {
            "metrics": figures,
            "detector": config.detector.name if run.detector is None else run.detector.name,
            "higher_is_better": [name for name in HIGHER_IS_BETTER if name in figures],
        }
        return self.finish(cost, {**said, **facts})

    def _read(self, indices: list[int]) -> NDArray[np.uint8]:
        """These images; each is read once, and in the order in which they lie, which is fast."""
        once, places = np.unique(indices, return_inverse=True)
        return self.run.images.read(once.tolist())[places]

    def _write_pictures(self, before: NDArray[Any], after: NDArray[Any], new_labels: NDArray[Any]) -> None:
        run, files = self.run, RunFolder(self.run.folder)
        title = f"{run.config.model.name}, {run.title}"
        write_side_by_side(files.edits, [("image", before), ("edited", after)], title)
        with written_whole(files.preview) as partial, partial.open("wb") as file:
            np.savez(file, arr_0=after, originals=before, labels=new_labels, seeds=np.array(run.indices[: len(before)]))


def unrelated(labels: NDArray[np.int64], new_labels: NDArray[np.int64]) -> list[int | None]:
    """For each image the place of the next one, in a circle, that has its new class; None where no other has."""
    places = {label: np.flatnonzero(labels == label) for label in set(new_labels.tolist())}
    found: list[int | None] = []
    for place, new in enumerate(new_labels.tolist()):
        having = places[new]
        after = int(np.searchsorted(having, place, side="right"))
        other = int(having[after % len(having)]) if len(having) else place
        found.append(other if other != place else None)
    return found
