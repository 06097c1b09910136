"""torch-fidelity's Inception-v3, with random weights in the file's real format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.run.loading_detectors import load_detector
from tests.detector_files import random_inception, write_dinov2, write_inception

CPU = torch.device("cpu")


def some_images(channels: int = 3, size: int = 32, num: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (num, channels, size, size), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    write_inception(path)
    return path


@torch.inference_mode()
def test_torch_fidelitys_inception(weights: Path) -> None:
    detector = load_detector(DetectorCard("inception", str(weights)), (3, 32, 32), CPU)
    assert detector is not None
    assert (detector.name, detector.num_features, detector.distance_name) == ("inception", 2048, "fid")
    assert detector.checksum == hashlib.sha256(weights.read_bytes()).hexdigest()
    images = some_images()
    features = detector(images)
    assert (features.dtype, features.shape) == (torch.float32, (5, 2048))
    # The extractor's own output, from the network that the weights were taken from.
    torch.testing.assert_close(features, random_inception()(images)[0], rtol=0, atol=0)
    assert features.std(dim=0).mean() > 1e-3

    # So are the logits, which the Inception score takes; the features are the same bits with them.
    given, logits = detector.with_logits(images)
    assert torch.equal(given, features)
    whole = random_inception()
    whole.features_list = ["2048", "logits_unbiased"]
    torch.testing.assert_close(logits, whole(images)[1], rtol=0, atol=0)
    assert (logits.shape, detector.num_logits) == ((5, 1008), 1008)

    # Independent of the rest of the batch.
    for index in range(5):
        torch.testing.assert_close(detector(images[index : index + 1])[0], features[index], rtol=1e-4, atol=1e-4)
    others = images.clone()
    others[1:] = 255 - others[1:]
    assert torch.equal(detector(others)[0], features[0])


@torch.inference_mode()
def test_grey_images_are_repeated_to_three_channels(weights: Path) -> None:
    detector = load_detector(DetectorCard("inception", str(weights)), (1, 8, 8), CPU)
    assert detector is not None
    grey = some_images(1, 8)
    assert torch.equal(detector(grey), detector(grey.repeat(1, 3, 1, 1)))


def test_files_that_do_not_fit(weights: Path, tmp_path: Path) -> None:
    write_dinov2(tmp_path / "dino.pth")
    with pytest.raises(UserError, match=r"dino.pth: not the weights of detector=inception: .*Missing key"):
        load_detector(DetectorCard("inception", str(tmp_path / "dino.pth")), (3, 32, 32), CPU)
    with pytest.raises(UserError, match=r"weights.pth: not the weights of detector=dinov2: its pos_embed is missing"):
        load_detector(DetectorCard("dinov2", str(weights)), (3, 32, 32), CPU)
    with pytest.raises(UserError, match="detector=inception: takes grey and RGB images, and these have 4 chan"):
        load_detector(DetectorCard("inception", str(weights)), (4, 32, 32), CPU)


def test_a_pinned_checksum_holds(weights: Path) -> None:
    wrong = DetectorCard("inception", str(weights), "0" * 64)
    with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}, detector.sha256 is 0{64}; give its own"):
        load_detector(wrong, (3, 32, 32), CPU)
    right = DetectorCard("inception", str(weights), hashlib.sha256(weights.read_bytes()).hexdigest().upper())
    assert load_detector(right, (3, 32, 32), CPU) is not None
