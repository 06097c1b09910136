"""What an edit kept of a picture outside the region that was to change.

PIE-Bench (Ju et al. 2023, arXiv 2310.01506) has such figures for the background; how exactly a program averages is its
own matter, so figures of two programs are not for one table. Here: over the pixels outside the mask and no others, and
whatever the edit made inside the mask counts for nothing, not even in a window that reaches into it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["outside_mask", "resized_mask"]

_WINDOW = 7
"""Pixels a side of the window that SSIM is taken over, as of other edits here (edits.py)."""


def outside_mask(
    original: NDArray[np.uint8], edited: NDArray[np.uint8], mask: NDArray[np.bool_] | None
) -> dict[str, float]:
    """The figures of one picture.

    `outside_mse`: the mean squared difference, of pixels from 0 to 1.
    `outside_psnr`: the same in dB, -10 log10 of it; infinite where nothing changed.
    `outside_ssim`: structural similarity (Wang et al. 2004, DOI 10.1109/TIP.2003.819861), scikit-image's with its
        window of 7 pixels: the mean of its map outside the mask and off the border's 3 pixels, where no window fits.
        Inside the mask the edited picture is taken as the original. Not where no such pixel is left.

    Args:
        original, edited: (H, W, 3).
        mask: (H, W), where the picture was to change; None: nowhere.

    Returns:
        Nothing where all of the picture was to change.

    Raises:
        ValueError: the shapes differ.
    """
    outside = np.ones(original.shape[:2], dtype=bool) if mask is None else ~mask
    if original.shape != edited.shape or outside.shape != original.shape[:2]:
        raise ValueError(f"pictures {original.shape} and {edited.shape}, mask {outside.shape}")
    if not outside.any():
        return {}
    kept = np.where(outside[..., None], edited, original)
    mse = float(((kept.astype(float) - original)[outside] ** 2).mean()) / 255**2
    found = {"outside_mse": mse, "outside_psnr": -10 * math.log10(mse) if mse else math.inf}
    inner = np.zeros_like(outside)
    pad = _WINDOW // 2
    inner[pad:-pad, pad:-pad] = outside[pad:-pad, pad:-pad]
    if inner.any():
        # It takes half a second to import.
        from skimage.metrics import structural_similarity

        similarity = structural_similarity(original, kept, win_size=_WINDOW, channel_axis=2, full=True)[1]
        found["outside_ssim"] = float(similarity[inner].mean())
    return found


def resized_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """The mask (H, W) for a picture of another size: true wherever any of the pixels that it covers is."""
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def edges(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        at = np.arange(new, dtype=np.int64)
        return at * old // new, -(-(at + 1) * old // new)

    (top, bottom), (left, right) = edges(mask.shape[0], height), edges(mask.shape[1], width)
    within = sums[bottom][:, right] - sums[top][:, right] - sums[bottom][:, left] + sums[top][:, left]
    return within > 0
