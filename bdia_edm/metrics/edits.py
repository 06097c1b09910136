"""What edits to another class came to: how many are of it, to a classifier, and what of the images stayed.

An edit can have both by no merit: an image that is replaced by any other of the new class is a success that kept
nothing. The figures of such unrelated images stand beside as the floor.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bdia_edm.metrics.latents import RoundTripErrors, grey_levels

__all__ = ["HIGHER_IS_BETTER", "EditFigures"]

HIGHER_IS_BETTER = ("edit_success", "edit_ssim", "edit_psnr")
"""Of the others of an edit's own figures less is better."""

Float64 = NDArray[np.float64]
_WINDOW = 7
"""Pixels a side of the window that SSIM is taken over (Wang et al. 2004; scikit-image's)."""


class EditFigures:
    """Figures of edits, taken in block by block.

    Args:
        classes: of the network; a classifier of another number is of other classes, and is not asked.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._num = self._num_seen = self._num_new = self._num_old = self._num_unrelated = 0
        self._kept, self._unrelated = RoundTripErrors(), RoundTripErrors()
        self._similarity: dict[str, list[float]] = {"edit": [], "unrelated": []}

    def add(
        self,
        originals: Float64,
        edited: Float64,
        labels: NDArray[np.int64],
        new_labels: NDArray[np.int64],
        logits: NDArray[np.float32],
    ) -> None:
        """Adds images (n, C, H, W), about in [-1, 1], and what they became.

        Args:
            labels, new_labels: their classes (n,) before, and those that they were to have.
            logits: a classifier's of what they became, (n, K).
        """
        self._num += len(originals)
        changed = labels != new_labels
        # As they are seen: beyond black and white there is nothing.
        self._kept.add(originals, grey_levels(edited) / 127.5 - 1)
        self._similarity["edit"] += _similarities(originals, edited)
        if logits.shape[1] == self._classes:
            found = logits.argmax(axis=1)
            self._num_seen += int(changed.sum())
            self._num_new += int((changed & (found == new_labels)).sum())
            self._num_old += int((changed & (found == labels)).sum())

    def add_unrelated(self, originals: Float64, others: Float64) -> None:
        """Adds for those of the images that have some others of the new classes, which have nothing to do with them."""
        self._num_unrelated += len(originals)
        self._unrelated.add(originals, others)
        self._similarity["unrelated"] += _similarities(originals, others)

    def figures(self) -> dict[str, float]:
        """The figures of all images so far.

        `edit_success`: the share that the classifier takes for the new class, of those that had another.
            Of 1,000 images its standard error is sqrt(p (1 - p) / 1000), 0.016 at most.
        `edit_unchanged`: the share that it still takes for the old one. Both only where it has the network's classes.
        `edit_ssim`: structural similarity (Wang et al. 2004, DOI 10.1109/TIP.2003.819861) with the original, by
            scikit-image with its window of 7 pixels; the images' mean. 1 is the original. Not for smaller images.
        `edit_rms`, `edit_psnr`: the distance from the original, for pixels in [-1, 1], and the same in dB, of all
            images as one.
        `unrelated_ssim`, `unrelated_rms`: the same of unrelated images of the new class: what an edit has that kept
            nothing. Not where no image has such another.
        """
        kept = self._kept.figures()
        found: dict[str, float] = {}
        if self._num_seen:
            found["edit_success"] = self._num_new / self._num_seen
            found["edit_unchanged"] = self._num_old / self._num_seen
        if self._similarity["edit"]:
            found["edit_ssim"] = math.fsum(self._similarity["edit"]) / self._num
        found |= {"edit_rms": kept["roundtrip_rms"], "edit_psnr": kept["roundtrip_psnr"]}
        if self._similarity["unrelated"]:
            found["unrelated_ssim"] = math.fsum(self._similarity["unrelated"]) / self._num_unrelated
        if self._num_unrelated:
            found["unrelated_rms"] = self._unrelated.figures()["roundtrip_rms"]
        return found


def _similarities(images: Float64, others: Float64) -> list[float]:
    """SSIM of each pair in grey levels; none where the window does not fit."""
    # It takes half a second to import, which is for edits alone.
    from skimage.metrics import structural_similarity

    if min(images.shape[2:]) < _WINDOW:
        return []
    return [
        float(structural_similarity(grey_levels(one), grey_levels(other), data_range=255, channel_axis=0))
        for one, other in zip(images, others, strict=True)
    ]
