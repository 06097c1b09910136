"""How many images at once a device denoises fastest: a short measured search over doubling batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch

from bdia_edm.engine.batch import draw_batch
from bdia_edm.engine.device import says_out_of_memory
from bdia_edm.engine.host_memory import memory_kept
from bdia_edm.engine.precision import full_precision
from bdia_edm.models.denoiser import Denoiser

__all__ = ["LARGEST", "Found", "fastest_batch", "search"]

LARGEST = 4096
"""Images; a block is seldom larger."""
_PAYS = 0.97
"""Of the time of an image: a larger batch that does not save so much is not worth its memory."""
_TRIES = 2
"""Batches in a row that do not pay, until no larger one is tried."""
_SECONDS = 5.0
"""A batch whose evaluation takes longer has nothing to gain."""
_LEAST_SECONDS, _MOST_REPEATS = 0.1, 10
_LEVEL = 1.0


class Found(NamedTuple):
    """What a search found.

    Attributes:
        batch_size: the number.
        seconds: that an image takes in an evaluation, by the size of the batch.
    """

    batch_size: int
    seconds: dict[int, float]


def fastest_batch(denoiser: Denoiser, device: torch.device) -> Found:
    """Measures evaluations of the denoiser in batches of 1, 2, 4, and so on; takes seconds.

    Raises:
        RuntimeError: not even one image fits into the device's memory.
    """

    @torch.inference_mode()
    def measure(size: int) -> float:
        batch = draw_batch(denoiser, range(size), device=device)
        x = batch.latents.to(torch.float64)

        def evaluate() -> float:
            start = time.perf_counter()
            batch.denoiser(x, _LEVEL)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            return time.perf_counter() - start

        # The first of a shape chooses kernels and takes memory.
        evaluate()
        taken = [evaluate()]
        while sum(taken) < _LEAST_SECONDS and len(taken) < _MOST_REPEATS:
            taken.append(evaluate())
        return min(taken)

    with full_precision(), memory_kept():
        return search(measure)


def search(measure: Callable[[int], float]) -> Found:
    """The search itself.

    Args:
        measure: the seconds of an evaluation of so many images; where the memory is out it raises what
            ``says_out_of_memory`` knows.
    """
    seconds: dict[int, float] = {}
    size, best, without_gain = 1, 1, 0
    while size <= LARGEST and without_gain < _TRIES:
        try:
            whole = measure(size)
        except (RuntimeError, MemoryError) as error:
            if not says_out_of_memory(error) or not seconds:
                raise
            break
        seconds[size] = whole / size
        if seconds[size] < _PAYS * seconds[best] or size == 1:
            best, without_gain = size, 0
        else:
            without_gain += 1
        if whole > _SECONDS:
            break
        size *= 2
    return Found(best, seconds)
