"""Figures of edits: what is counted, what is near, and the floor of unrelated images."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from bdia_edm.metrics.edits import EditFigures

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (6, 1, 8, 8)) / 127.5 - 1
LABELS = np.array([0, 1, 2, 0, 1, 2])
NEW = (LABELS + 1) % 3


def logits(classes: list[int], num: int = 3) -> np.ndarray:
    return np.eye(num, dtype=np.float32)[classes]


def figures(edited: np.ndarray, seen: np.ndarray, cut: int = 6) -> dict[str, float]:
    found = EditFigures(classes=3)
    for part in (slice(0, cut), slice(cut, 6)):
        if len(LABELS[part]):
            found.add(IMAGES[part], edited[part], LABELS[part], NEW[part], seen[part])
            found.add_unrelated(IMAGES[part], np.roll(IMAGES, 1, axis=0)[part])
    return found.figures()


def test_what_the_classifier_says_is_counted() -> None:
    found = figures(IMAGES, logits([1, 2, 0, 0, 0, 2]))
    assert found["edit_success"] == 3 / 6
    # The fifth is of a third class.
    assert found["edit_unchanged"] == 2 / 6


def test_a_classifier_of_other_classes_is_not_asked() -> None:
    found = figures(IMAGES, logits([0] * 6, 5))
    assert not {"edit_success", "edit_unchanged"} & set(found)
    assert "edit_ssim" in found


def test_an_image_that_stayed() -> None:
    found = figures(IMAGES, logits([0] * 6))
    assert (found["edit_ssim"], found["edit_rms"], found["edit_psnr"]) == (1, 0, np.inf)
    assert found["unrelated_ssim"] < 0.5
    assert found["unrelated_rms"] > 0.5


def test_the_distances_are_of_what_is_seen() -> None:
    """Beyond black and white there is nothing; SSIM is the library's, of grey levels."""
    edited = IMAGES + RANDOM.normal(0, 0.3, IMAGES.shape)
    found = figures(edited, logits([0] * 6))
    pixels = np.trunc(np.clip(edited * 127.5 + 128, 0, 255))
    own = np.trunc(np.clip(IMAGES * 127.5 + 128, 0, 255))
    assert found["edit_rms"] == pytest.approx(np.sqrt(np.square((pixels - own) / 127.5).mean()), rel=1e-12)
    each = [structural_similarity(a[0], b[0], data_range=255) for a, b in zip(own, pixels, strict=True)]
    assert found["edit_ssim"] == pytest.approx(np.mean(each), rel=1e-12)
    far = figures(edited + 1000.0, logits([0] * 6))
    assert far["edit_rms"] < 2


def test_cut_into_blocks_they_are_the_same_bits() -> None:
    edited = IMAGES + RANDOM.normal(0, 0.3, IMAGES.shape)
    assert figures(edited, logits([1] * 6)) == figures(edited, logits([1] * 6), cut=2)


def test_of_the_class_already_is_no_success() -> None:
    found = EditFigures(classes=3)
    found.add(IMAGES, IMAGES, LABELS, np.zeros(6, np.int64), logits([0, 0, 1, 0, 1, 0]))
    # Of the four that are not of class 0 two have become it, and one stayed what it was.
    assert (found.figures()["edit_success"], found.figures()["edit_unchanged"]) == (2 / 4, 1 / 4)
    assert not [name for name in found.figures() if name.startswith("unrelated")]


def test_small_images_have_no_similarity() -> None:
    found = EditFigures(classes=3)
    small = IMAGES[:, :, :4, :4]
    found.add(small, small, LABELS, NEW, logits([0] * 6))
    found.add_unrelated(small, small)
    assert not [name for name in found.figures() if "ssim" in name]
