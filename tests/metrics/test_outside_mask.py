"""Figures of what stayed outside a mask."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bdia_edm.metrics.outside_mask import outside_mask, resized_mask

RANDOM = np.random.default_rng(5)
ORIGINAL = RANDOM.integers(0, 256, (24, 20, 3), dtype=np.uint8)
NOISE = RANDOM.integers(-9, 10, ORIGINAL.shape)
EDITED = (ORIGINAL.astype(int) + NOISE).clip(0, 255).astype(np.uint8)
MASK = np.zeros((24, 20), dtype=bool)
MASK[8:15, 4:12] = True


def test_without_a_mask_they_are_scikit_images() -> None:
    found = outside_mask(ORIGINAL, EDITED, None)
    assert found["outside_psnr"] == pytest.approx(peak_signal_noise_ratio(ORIGINAL, EDITED), abs=1e-12)
    assert found["outside_ssim"] == pytest.approx(structural_similarity(ORIGINAL, EDITED, channel_axis=2), abs=1e-12)
    assert found["outside_mse"] == pytest.approx(10 ** (-found["outside_psnr"] / 10))
    assert outside_mask(ORIGINAL, EDITED, np.zeros_like(MASK)) == found


def test_what_is_inside_counts_for_nothing() -> None:
    found = outside_mask(ORIGINAL, EDITED, MASK)
    for value in (0, 255):
        other = EDITED.copy()
        other[MASK] = value
        assert outside_mask(ORIGINAL, other, MASK) == found
    untouched = ORIGINAL.copy()
    untouched[MASK] = 0
    assert outside_mask(ORIGINAL, untouched, MASK) == {
        "outside_mse": 0,
        "outside_psnr": math.inf,
        "outside_ssim": pytest.approx(1),
    }


def test_what_is_outside_counts_alone() -> None:
    """By hand: a difference of 51, a fifth of the range, of half of the pixels outside."""
    grey = np.full((16, 16, 3), 100, dtype=np.uint8)
    edited, mask = grey.copy(), np.zeros((16, 16), dtype=bool)
    mask[:, :8] = True
    edited[:8, 8:] += 51
    found = outside_mask(grey, edited, mask)
    assert found["outside_mse"] == pytest.approx(0.2**2 / 2)
    assert found["outside_psnr"] == pytest.approx(10 * math.log10(50))
    # The same change under the mask is none.
    assert outside_mask(grey, np.ascontiguousarray(edited[:, ::-1]), mask)["outside_mse"] == 0
    assert found["outside_ssim"] < 1


def test_a_mask_that_leaves_nothing_or_only_the_border() -> None:
    assert outside_mask(ORIGINAL, EDITED, np.ones_like(MASK)) == {}
    border = np.ones_like(MASK)
    border[0] = False
    assert set(outside_mask(ORIGINAL, EDITED, border)) == {"outside_mse", "outside_psnr"}
    tiny = outside_mask(ORIGINAL[:5, :5], EDITED[:5, :5], None)
    assert set(tiny) == {"outside_mse", "outside_psnr"}


def test_shapes_are_held_together() -> None:
    with pytest.raises(ValueError, match="pictures"):
        outside_mask(ORIGINAL, EDITED[:-1], None)
    with pytest.raises(ValueError, match="mask"):
        outside_mask(ORIGINAL, EDITED, MASK[:-1])


@pytest.mark.parametrize(("height", "width"), [(24, 20), (48, 40), (12, 10), (7, 9), (1, 1), (50, 3)])
def test_a_resized_mask_covers_all_that_it_touches(height: int, width: int) -> None:
    def by_hand(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.zeros((height, width), dtype=bool)
        for row, column in np.ndindex(height, width):
            for i, j in np.argwhere(mask):
                apart = (i + 1) * height <= row * 24 or (row + 1) * 24 <= i * height
                apart |= (j + 1) * width <= column * 20 or (column + 1) * 20 <= j * width
                found[row, column] |= not apart
        return found

    for mask in (MASK, RANDOM.random(MASK.shape) < 0.02, np.zeros_like(MASK)):
        assert (resized_mask(mask, height, width) == by_hand(mask)).all()
    assert (resized_mask(MASK, 24, 20) == MASK).all()
