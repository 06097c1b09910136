"""NVIDIA's Inception-v3: another network behind the interface of its TorchScript file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.run.loading_detectors import load_detector
from tests.detector_files import SmallInception, TupleInception, write_torchscript
from tests.detectors.test_inception import CPU, some_images


def scripted(path: Path) -> DetectorCard:
    """A card that trusts this file."""
    return DetectorCard("inception_nvidia", str(path), hashlib.sha256(path.read_bytes()).hexdigest())


@torch.inference_mode()
def test_nvidias_torchscript(tmp_path: Path) -> None:
    network = SmallInception().eval()
    write_torchscript(tmp_path / "a.pt", network)
    detector = load_detector(scripted(tmp_path / "a.pt"), (3, 32, 32), CPU)
    assert detector is not None
    assert (detector.name, detector.num_features, detector.distance_name) == ("inception_nvidia", 16, "fid")
    images = some_images()
    features = detector(images)
    torch.testing.assert_close(features, network(images, return_features=True))
    # TorchScript would optimize from the second or third call on; the features must not change.
    assert all(torch.equal(detector(images), features) for _ in range(4))
    grey = some_images(1)
    assert torch.equal(detector(grey), detector(grey.repeat(1, 3, 1, 1)))


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "linear.pt", torch.nn.Linear(3, 4))
    with pytest.raises(UserError, match=r"linear.pt: does not work as detector=inception_nvidia on images of shape"):
        load_detector(scripted(tmp_path / "linear.pt"), (3, 32, 32), CPU)
    write_torchscript(tmp_path / "tuple.pt", TupleInception())
    with pytest.raises(UserError, match=r"tuple.pt: does not work as .*: its features are no tensor but a tuple"):
        load_detector(scripted(tmp_path / "tuple.pt"), (3, 32, 32), CPU)
    lost = SmallInception()
    torch.nn.init.constant_(lost.conv.weight, float("nan"))
    write_torchscript(tmp_path / "nan.pt", lost)
    with pytest.raises(UserError, match=r"nan.pt: does not work as .*: of two images it must give two rows of finite"):
        load_detector(scripted(tmp_path / "nan.pt"), (3, 32, 32), CPU)
