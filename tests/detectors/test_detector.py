"""Detectors and the names of their distances."""

from __future__ import annotations

import torch

from bdia_edm.detectors.detector import NetworkDetector, PixelDetector, distance_name


def test_only_inceptions_distance_is_fid() -> None:
    assert distance_name("inception") == "fid"
    assert distance_name("inception_nvidia") == "fid"
    assert distance_name("digits") == "fd_digits"
    assert distance_name("dinov2") == "fd_dinov2"


def test_pixels() -> None:
    detector = PixelDetector((3, 2, 2))
    images = torch.tensor([0, 255, 51] * 4, dtype=torch.uint8).reshape(1, 3, 2, 2)
    features = detector(images)
    assert (features.dtype, features.shape, detector.num_features) == (torch.float32, (1, 12), 12)
    torch.testing.assert_close(features[0, :3], torch.tensor([-1.0, 1.0, -0.6]))


def test_a_network_is_a_detector() -> None:
    detector = NetworkDetector("mean", torch.nn.Flatten(), 4, "checksum", torch.device("cpu"))
    assert torch.equal(detector(torch.ones(2, 1, 2, 2)), torch.ones(2, 4))
    assert len({detector, detector}) == 1


def test_images_come_to_the_networks_device() -> None:
    """The meta device stands for a GPU: a network there takes nothing from the CPU."""
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)).to("meta")
    detector = NetworkDetector("linear", network, 2, "checksum", torch.device("meta"))
    assert detector(torch.ones(3, 1, 2, 2)).shape == (3, 2)
