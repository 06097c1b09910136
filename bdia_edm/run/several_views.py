"""One decoding of images for several detectors: each batch goes through all of them before the next is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.detectors.detector import Detector
from bdia_edm.metrics.findings import Findings
from bdia_edm.run.measured_images import drawn_indices, read_ahead, seen_by, shown_progress

__all__ = ["Seen", "View", "look"]


@dataclass(frozen=True)
class View:
    """A way in which images are seen.

    Attributes:
        detector: whose features are taken.
        nums: of how many of the images the moments are wanted, each number for itself.
        convert: pixels as they were read to uint8.
        with_logits: whether the logits are kept too.
    """

    detector: Detector
    nums: frozenset[int]
    convert: Callable[[NDArray[Any]], NDArray[np.uint8]]
    with_logits: bool = False


@dataclass(frozen=True)
class Seen:
    """What was seen.

    Attributes:
        findings: by view and number of images.
        changes: by view and number, the mean over the images of |f - f_0|/|f_0|, f_0 the features in the first view;
            not of that one, nor of views with features of another length; images whose f_0 is 0 don't count.
        digest: the SHA-256 of the shape and the pixels of all images that were seen.
    """

    findings: dict[tuple[str, int], Findings]
    changes: dict[tuple[str, int], float]
    digest: str


@torch.inference_mode()
def look(
    read: Callable[[Sequence[int]], NDArray[Any]],
    shape: tuple[int, int, int],
    found: int,
    views: Mapping[str, View],
    *,
    seed: int,
    batch: int,
    device: torch.device,
    what: str,
    progress: bool,
) -> Seen:
    """Shows images to all views, batch by batch in their order.

    Args:
        read: gives the images (n, H, W, C) at the indices.
        shape: (C, H, W) of an image.
        found: how many images there are; fewer are drawn by the seed as ``fid calc`` draws them, so that smaller sets
            are parts of larger ones.
        what: the images are, for the progress bar, which ``progress`` shows.

    Raises:
        UserError: an image cannot be read, or a detector fails.
    """
    nums = sorted({num for view in views.values() for num in view.nums})
    indices = drawn_indices(found, nums[-1], seed)
    chosen = {num: np.isin(indices, drawn_indices(found, num, seed)) for num in nums}
    findings = {
        (name, num): Findings(
            view.detector.num_features,
            view.detector.num_logits,
            {"moments", "logits"} if view.with_logits else {"moments"},
        )
        for name, view in views.items()
        for num in view.nums
    }
    first = next(iter(views))
    changes: dict[str, list[NDArray[np.float64]]] = {name: [] for name in views if name != first}
    digest = hashlib.sha256(repr(shape).encode())
    start = 0
    with shown_progress(len(indices), what, progress) as bar, closing(read_ahead(read, indices, batch)) as batches:
        for pixels in batches:
            digest.update(pixels.data)
            converted = {convert: convert(pixels) for convert in {view.convert for view in views.values()}}
            for name, view in views.items():
                features, *logits = seen_by(view.detector, converted[view.convert], device, batch, view.with_logits)
                for num in view.nums:
                    rows = chosen[num][start : start + len(pixels)]
                    findings[name, num].add(features[rows], logits[0][rows] if logits else None)
                if name == first:
                    compared = features
                elif features.shape == compared.shape:
                    changes[name].append(_relative_change(features, compared))
            start += len(pixels)
            bar.update(len(pixels))
    means: dict[tuple[str, int], float] = {}
    for name, parts in changes.items():
        for num in views[name].nums if parts else ():
            values = np.concatenate(parts)[chosen[num]]
            if np.isfinite(values).any():
                means[name, num] = float(values[np.isfinite(values)].mean())
    return Seen(findings, means, digest.hexdigest())


def _relative_change(features: NDArray[np.float32], compared: NDArray[np.float32]) -> NDArray[np.float64]:
    """The norm of the difference by that of ``compared``, of each row (n, F)."""
    before = compared.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.linalg.norm(features - before, axis=1) / np.linalg.norm(before, axis=1)
