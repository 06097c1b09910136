"""What a detector is, and a network as one."""

from __future__ import annotations

import torch

from bdia_edm.detectors.detector import Detector, NetworkDetector, as_rgb

CPU = torch.device("cpu")


class Mean(Detector):
    """A user's own."""

    name, num_features, checksum = "mean", 1, "0"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.to(torch.float32).flatten(1).mean(1, keepdim=True)


def test_a_detector_of_ones_own_needs_features_alone() -> None:
    features, logits = Mean().with_logits(torch.ones(3, 1, 2, 2, dtype=torch.uint8))
    assert torch.equal(features, torch.ones(3, 1))
    assert (logits.shape, Mean().num_logits, Mean().distance_name) == ((3, 0), 0, "fd_mean")


def test_a_network_is_a_detector() -> None:
    detector = NetworkDetector("mean", torch.nn.Flatten(), 4, "checksum", CPU)
    assert torch.equal(detector(torch.ones(2, 1, 2, 2)), torch.ones(2, 4))
    assert detector.with_logits(torch.ones(2, 1, 2, 2))[1].shape == (2, 0)
    assert len({detector, detector}) == 1
    assert detector.distance_name == "fd_mean"
    named = NetworkDetector("mean", torch.nn.Flatten(), 4, "checksum", CPU, distance="mean_distance")
    assert named.distance_name == "mean_distance"


def test_images_come_to_the_networks_device() -> None:
    """The meta device stands for a GPU: a network there takes nothing from the CPU."""

    class Classes(torch.nn.Linear):
        def with_logits(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return images, self(images)

    detector = NetworkDetector("linear", Classes(4, 2).to("meta"), 2, "checksum", torch.device("meta"), num_logits=2)
    assert detector(torch.ones(3, 4)).shape == (3, 2)
    assert detector.with_logits(torch.ones(3, 4))[1].shape == (3, 2)


def test_grey_is_repeated() -> None:
    grey = torch.arange(4).reshape(1, 1, 2, 2)
    assert torch.equal(as_rgb(grey), torch.cat([grey] * 3, dim=1))
    assert as_rgb(torch.zeros(1, 3, 2, 2)).shape == (1, 3, 2, 2)
