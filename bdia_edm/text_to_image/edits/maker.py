"""Inverts and edits the pictures of a block, one after the other, and measures what became of each."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.engine.block_maker import BlockMaker
from bdia_edm.engine.device import says_out_of_memory
from bdia_edm.engine.peak_memory import peak_memory
from bdia_edm.engine.plan import Block
from bdia_edm.text_to_image.editing import Edited, edit
from bdia_edm.text_to_image.edits.config import EditPicturesConfig
from bdia_edm.text_to_image.edits.folder import PictureFolder
from bdia_edm.text_to_image.edits.measures import Measures
from bdia_edm.text_to_image.edits.shard import PictureShard
from bdia_edm.text_to_image.edits.tasks import Task, Tasks
from bdia_edm.text_to_image.inversion import invert
from bdia_edm.text_to_image.inverted import Inverted

__all__ = ["SHOWN", "EditMaker"]

SHOWN = 8
"""How many of a run's pictures are shown."""


@dataclass
class EditMaker(BlockMaker[PictureShard]):
    """What is needed for every block.

    Attributes:
        pipe: the pipeline, on ``device``.
        tasks: all of the run's, in its order.
        folder: where inverted pairs are kept.
        measures: of edits.
    """

    pipe: Any
    config: EditPicturesConfig
    tasks: Tasks
    folder: PictureFolder
    measures: Measures
    device: torch.device
    batch_size: int = 1

    def make(self, block: Block, progress: Callable[[int], object]) -> tuple[PictureShard, NDArray[np.uint8]]:
        """The block's shard, and its edited pictures, or those that were brought back.

        Raises:
            UserError: a picture became NaN or cannot be read, or the memory does not hold one.
        """
        rows: list[dict[str, float]] = []
        made: list[NDArray[np.uint8]] = []
        preview: list[NDArray[np.uint8]] = []
        with _said_before(), self._memory_errors_said(), peak_memory(self.device) as peak:
            for place, number in enumerate(block.seeds, block.start):
                row, pictures = self._one(place, number)
                rows.append(row)
                made.append(pictures[-1])
                preview += [pictures] if place < SHOWN else []
                progress(1)
        height, width, channels = made[0].shape
        integers = ("evaluations_inverse", "evaluations_roundtrip", "evaluations_edit", "gradients")
        columns = {
            name: np.array([row[name] for row in rows], np.int64 if name in integers else np.float64)
            for name in rows[0]
        }
        shard = PictureShard(
            indices=np.array(block.seeds, np.int64),
            labels=np.full(block.num, -1),
            preview=np.array(preview, np.uint8).reshape(len(preview), 4, height, width, channels),
            peak_memory=peak.bytes,
            **columns,  # type: ignore[arg-type]
        )
        return shard, np.stack(made)

    def _one(self, place: int, number: int) -> tuple[dict[str, float], NDArray[np.uint8]]:
        """A picture's figures, and (4, H, W, 3): picture, autoencoder's, round trip, edit."""
        task, picture = self.tasks.tasks[place], self.tasks.read(place)
        start = self._clock()
        inverted = self._invert(task, picture.pixels)
        inverted_at = self._clock()
        back = edit(self.pipe, inverted)
        back_at = self._clock()
        edited = None if task.edit is None else edit(self.pipe, inverted, task.edit)
        seconds = (self._clock() if edited else back_at) - (back_at if edited else inverted_at)
        if self.config.keep_inverted:
            self.folder.inverted_path(number).parent.mkdir(parents=True, exist_ok=True)
            inverted.save(self.folder.inverted_path(number))
        final = back.picture if edited is None else edited.picture
        row = {
            **_errors(inverted, back),
            "evaluations_inverse": inverted.settings.evaluations,
            "evaluations_roundtrip": back.evaluations,
            "evaluations_edit": 0 if edited is None else edited.evaluations,
            "gradients": inverted.settings.gradients,
            "seconds_inverse": inverted_at - start,
            "seconds_back": seconds,
            **self.measures(picture, None if edited is None else edited.picture, task),
        }
        return row, np.stack([picture.pixels, inverted.vae_picture, back.picture, final])

    def _invert(self, task: Task, pixels: NDArray[np.uint8]) -> Inverted:
        config = self.config
        return invert(
            self.pipe,
            pixels,
            task.prompt,
            config.negative_prompt,
            method=config.method,
            num_inference_steps=config.num_steps,
            guidance_scale=config.guidance,
            strength=config.part,
            set_alpha_to_one=config.set_alpha_to_one,
            state_dtype=getattr(torch, config.state_dtype),
            low_memory=config.low_memory,
            **config.way.options(),
        )

    def _clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @contextmanager
    def _memory_errors_said(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not says_out_of_memory(error):
                raise
            raise UserError(
                "the device's memory does not hold the inversion of one picture; low_memory=true, "
                "network_dtype=float16 and smaller pictures take less"
            ) from None


@contextmanager
def _said_before() -> Iterator[None]:
    """Without the methods' warnings, which are the run's, said before the first picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _errors(inverted: Inverted, back: Edited) -> dict[str, float]:
    latent = (back.latent.double() - inverted.latent.double()).square().mean()
    found = {"latent_squares": float(latent), "deviations": inverted.deviation}
    for name, reference in (("roundtrip", inverted.picture), ("roundtrip_vae", inverted.vae_picture)):
        difference = _difference(back.picture, reference)
        found[f"{name}_squares"] = float(np.square(difference).mean())
        found[f"{name}_most"] = float(np.abs(difference).max())
    found["vae_squares"] = float(np.square(_difference(inverted.vae_picture, inverted.picture)).mean())
    return found


def _difference(picture: NDArray[np.uint8], reference: NDArray[np.uint8]) -> NDArray[np.float64]:
    return picture.astype(np.float64) - reference
