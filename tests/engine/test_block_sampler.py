"""The worker: batches, pixels, and what a sampled image depends on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.block_sampler import PREVIEW, Worker, sample_images, to_uint8
from bdia_edm.engine.plan import Block
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.samplers.registry import make_sampler
from tests.references import build

EDM = make_sampler("edm", {"num_steps": 4})
CHURNED = make_sampler("edm", {"num_steps": 4, "S_churn": 4})


def test_pixels_are_truncated_and_clipped() -> None:
    x = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    assert to_uint8(x).tolist() == [0, 0, 64, 128, 191, 255, 255]


@pytest.mark.parametrize("sampler", [EDM, CHURNED])
def test_an_image_depends_on_its_seed_alone(sampler) -> None:
    network = build("tiny-song-vp-cond")
    images, labels, nfe = sample_images(network, sampler, [4, 5, 6])
    alone, alone_label, _ = sample_images(network, sampler, [5])
    torch.testing.assert_close(images[1:2], alone, atol=2e-4, rtol=0)
    assert labels[1] == alone_label[0]
    assert nfe == 7
    # With the same size of batch, to the last bit, whatever the neighbours.
    others, _, _ = sample_images(network, sampler, [70, 5, 90])
    assert torch.equal(images[1], others[1])


def test_a_given_class_leaves_the_noise_alone() -> None:
    """Where the class is the one that would have been drawn, nothing changes, churn included."""
    network = build("tiny-song-vp-cond")
    images, labels, _ = sample_images(network, CHURNED, [11])
    given, same, _ = sample_images(network, CHURNED, [11], class_idx=int(labels[0]))
    assert torch.equal(images, given)
    other, _, _ = sample_images(network, CHURNED, [11], class_idx=(int(labels[0]) + 1) % 3)
    assert not torch.equal(images, other)
    assert torch.equal(labels, same)


def test_unconditional_images_have_no_class() -> None:
    _, labels, _ = sample_images(build("tiny-song-ve-uncond"), EDM, [1, 2])
    assert labels.tolist() == [-1, -1]


class SmallMemory(GaussianMixture):
    """Holds no more than so many images."""

    def __init__(self, holds: int, error: RuntimeError | None = None) -> None:
        super().__init__()
        self.holds = holds
        self.error = error or torch.OutOfMemoryError("CUDA out of memory.")

    def forward(self, x, sigma, class_labels=None):
        if len(x) > self.holds:
            raise self.error
        return super().forward(x, sigma, class_labels)


@pytest.mark.parametrize("holds", [1, 7, 12])
def test_out_of_memory_the_batch_is_halved(holds: int) -> None:
    """Once; the block's results are those of the smaller batch size to the last bit, in a later block too."""
    said: list[str] = []
    counted: list[int] = []
    worker = Worker(SmallMemory(holds), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), 25, keep_images=True)
    sizes = {1: [25, 12, 6, 3], 7: [25, 12], 12: [25]}[holds]
    final = {1: 1, 7: 6, 12: 12}[holds]
    for number in range(2):
        block = Block(number, 40 * number, tuple(range(40 * number, 40 * number + 40)))
        shard, images = worker.run(block, counted.append, said.append)
        plain = Worker(GaussianMixture(), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), final, keep_images=True)
        expected, expected_images = plain.run(block, counted.append)
        assert (shard.features == expected.features).all()
        assert (images == expected_images).all()
        assert shard.evaluations == expected.evaluations
    assert worker.batch_size == final
    assert said == [
        f"batch_size={size}: more than the device's memory holds; going on with {size // 2}" for size in sizes
    ]
    assert sum(counted) == 160


class Fragile(GaussianMixture):
    """Out of memory once, in the third batch."""

    batches = 0

    def forward(self, x, sigma, class_labels=None):
        self.batches += float(sigma) == 80.0
        if self.batches == 3 and len(x) == 10:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(x, sigma, class_labels)


def test_out_of_memory_in_a_later_batch_begins_the_block_again() -> None:
    counted: list[int] = []
    block = Block(0, 0, tuple(range(40)))
    worker = Worker(Fragile(), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), 10)
    shard, _ = worker.run(block, counted.append, str)
    expected, _ = Worker(GaussianMixture(), EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), 5).run(block, str)
    assert (shard.features == expected.features).all()
    assert counted == [10, 10, -20, *[5] * 8]


def test_not_even_one_image_fits() -> None:
    worker = Worker(SmallMemory(0), EDM, None, torch.device("cpu"), 2)
    with pytest.raises(UserError, match="batch_size=1: the device's memory does not hold a single image"):
        worker.run(Block(0, 0, (1, 2, 3)), str, str)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
@pytest.mark.parametrize("start", [0, 40, 64])
def test_a_block(batch_size: int, start: int) -> None:
    mixture = GaussianMixture()
    block = Block(0, start, tuple(range(start, start + 30)))
    reported: list[int] = []
    worker = Worker(mixture, EDM, PixelDetector((1, 4, 4)), torch.device("cpu"), batch_size, keep_images=True)
    shard, images = worker.run(block, reported.append)
    assert images is not None
    assert images.shape == (30, 4, 4, 1)
    torch.testing.assert_close(
        torch.from_numpy(images / 127.5 - 1).flatten(1).float(), torch.from_numpy(shard.features)
    )
    assert sum(reported) == 30
    assert shard.evaluations == 30 * 7
    # The first images of the run, and no others, are kept for its picture.
    kept = max(0, min(30, PREVIEW - start))
    assert shard.preview.shape == (kept, 4, 4, 1)
    slim, nothing = Worker(mixture, EDM, None, torch.device("cpu"), batch_size).run(block, reported.append)
    assert nothing is None
    assert (slim.preview == shard.preview).all()
    assert slim.features.shape == (30, 0)


def test_other_words_for_it() -> None:
    """cuBLAS and cuDNN have no error type of their own; any other error of that type is none of it."""
    block, said = Block(0, 0, tuple(range(10))), list[str]()
    for words in (
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDNN_STATUS_ALLOC_FAILED",
    ):
        said.clear()
        worker = Worker(SmallMemory(5, RuntimeError(words)), EDM, None, torch.device("cpu"), 10)
        worker.run(block, lambda num: None, said.append)
        assert said == ["batch_size=10: more than the device's memory holds; going on with 5"]
    broken = Worker(SmallMemory(5, RuntimeError("shapes do not fit")), EDM, None, torch.device("cpu"), 10)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        broken.run(block, lambda num: None, said.append)


class Halves(PixelDetector):
    """Two classes: the upper and the lower half is brighter."""

    num_logits = 2

    def with_logits(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self(images)
        return features, features.unflatten(1, (2, -1)).mean(2)


def test_logits_only_where_they_are_asked_for() -> None:
    block, detector = Block(0, 0, tuple(range(10))), Halves((1, 4, 4))
    plain, _ = Worker(GaussianMixture(), EDM, detector, torch.device("cpu"), 4).run(block, str)
    assert plain.logits.shape == (10, 0)
    kept, _ = Worker(GaussianMixture(), EDM, detector, torch.device("cpu"), 4, keep_logits=True).run(block, str)
    assert (kept.features == plain.features).all()
    assert kept.logits.dtype == np.float32
    np.testing.assert_allclose(kept.logits, kept.features.reshape(10, 2, 8).mean(2), rtol=1e-6)
