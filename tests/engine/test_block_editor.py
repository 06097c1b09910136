"""A block of edits: the inverter's, made under other classes, and seen by a detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.block_editor import BlockEditor
from bdia_edm.engine.plan import Block
from tests.engine.test_block_inverter import CPU, inverter, no_progress
from tests.references import build

BLOCK = Block(1, 4, tuple(range(4, 12)))


def editor(same: bool = False, detector: PixelDetector | None = None, batch_size: int = 8) -> BlockEditor:
    network = build("tiny-song-vp-cond")
    labels = np.arange(20) % network.label_dim
    of_images = inverter(network, labels=labels)
    of_images.new_labels = labels if same else (labels + 1) % network.label_dim
    return BlockEditor(of_images, detector, CPU, batch_size)


def test_each_image_has_its_own_new_class() -> None:
    edited, _ = editor().run(BLOCK, no_progress, pytest.fail)
    plain, _ = editor(same=True).run(BLOCK, no_progress, pytest.fail)
    assert (edited.new_labels != edited.labels).all()
    # The way up is the same, and the way down is not.
    assert (edited.states == plain.states).all()
    assert (np.abs(edited.reconstructions - plain.reconstructions).reshape(8, -1).max(axis=1) > 1e-3).all()


def test_the_detector_sees_the_edited_images() -> None:
    shape = build("tiny-song-vp-cond").img_channels, *[build("tiny-song-vp-cond").img_resolution] * 2
    detector = PixelDetector(shape)
    shard, _ = editor(detector=detector, batch_size=3).run(BLOCK, no_progress, pytest.fail)
    pixels = (torch.from_numpy(shard.reconstructions) * 127.5 + 128).clip(0, 255).to(torch.uint8)
    assert (shard.features == detector(pixels).numpy()).all()
    nobody, _ = editor(batch_size=3).run(BLOCK, no_progress, pytest.fail)
    assert nobody.features.shape == (8, 0)


def test_features_that_are_not_finite_name_the_images() -> None:
    class Blind(PixelDetector):
        def __call__(self, images):
            return super().__call__(images) / 0 * 0

    shape = build("tiny-song-vp-cond").img_channels, *[build("tiny-song-vp-cond").img_resolution] * 2
    with pytest.raises(UserError, match="images 4-11: the detector's features are not finite"):
        editor(detector=Blind(shape)).run(BLOCK, no_progress, pytest.fail)
