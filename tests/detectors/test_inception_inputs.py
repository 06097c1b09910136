"""What enters FID's Inception, against the programs' own operations; the kinds that are made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from bdia_edm.base.errors import UserError
from bdia_edm.config.detector_card import DetectorCard
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.inception_inputs import (
    EnteredFeatures,
    clean_input,
    pytorch_fid_input,
    tensorflow_input,
)
from bdia_edm.detectors.registry import DETECTORS, detector_option
from bdia_edm.run.loading_detectors import load_detector
from tests.detector_files import random_inception, write_dinov2, write_inception
from tests.detectors.test_inception import CPU, some_images

SIDES = (32, 299, 400)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    write_inception(path)
    return path


@pytest.fixture(scope="module")
def detectors(weights: Path) -> dict[str, Detector]:
    names = ("inception", "inception_clean", "inception_pytorch_fid", "inception_spatial")
    found = {name: load_detector(DetectorCard(name, str(weights)), (3, 32, 32), CPU) for name in names}
    return {name: detector for name, detector in found.items() if detector is not None}


def pillows(images: torch.Tensor) -> np.ndarray:
    """clean-fid's resize: each channel alone, in float32, clipped; (N, 3, 299, 299)."""
    channels = images.numpy().astype(np.float32).reshape(-1, *images.shape[2:])
    resized = [np.asarray(Image.fromarray(each).resize((299, 299), Image.Resampling.BICUBIC)) for each in channels]
    return np.stack(resized).reshape(len(images), 3, 299, 299).clip(0, 255)


@pytest.mark.parametrize("side", SIDES)
def test_clean_is_pillows_bicubic(side: int) -> None:
    images = some_images(3, side, 2)
    entered = 128 * clean_input(images).numpy() + 128
    assert np.abs(entered - pillows(images)).max() < 4e-3
    assert not np.array_equal(entered, entered.round()) or side == 299
    # Bicubic overshoots at these images' edges; what leaves 0 to 255 is cut off.
    assert (entered.min(), entered.max()) == (0, 255)


@pytest.mark.parametrize("side", SIDES)
def test_pytorch_fids_is_interpolate_of_pixels_from_0_to_1(side: int) -> None:
    images = some_images(3, side, 2)
    entered = pytorch_fid_input(images)
    pixels = images.double() / 255
    expected = 2 * functional.interpolate(pixels, size=(299, 299), mode="bilinear", align_corners=False) - 1
    torch.testing.assert_close(entered.double(), expected, rtol=0, atol=1e-4)
    # By entering 256·x/255 in place of x.
    other = functional.interpolate(256 * pixels, size=(299, 299), mode="bilinear", align_corners=False)
    torch.testing.assert_close(entered.double(), (other - 128) / 128, rtol=0, atol=1e-4)
    white, black = (torch.full((1, 3, side, side), value, dtype=torch.uint8) for value in (255, 0))
    assert pytorch_fid_input(black).unique().tolist() == [-1]
    torch.testing.assert_close(pytorch_fid_input(white), torch.ones(1, 3, 299, 299), rtol=0, atol=1e-6)
    for enter in (clean_input, tensorflow_input):
        torch.testing.assert_close(enter(white), torch.full((1, 3, 299, 299), 127 / 128), rtol=0, atol=1e-6)


def test_where_a_ramps_pixels_go() -> None:
    """By the formulas: at half pixels in PyTorch, at i·in/299 in TensorFlow 1."""
    ramp = (5 * torch.arange(32)).to(torch.uint8).expand(1, 3, 32, 32)
    i = torch.arange(299, dtype=torch.float64)
    for enter, place, to_pixels in (
        (pytorch_fid_input, (i + 0.5) * 32 / 299 - 0.5, lambda x: 255 * (x + 1) / 2),
        (tensorflow_input, i * 32 / 299, lambda x: 128 * x + 128),
    ):
        expected = (5 * place.clamp(0, 31)).expand(1, 3, 299, 299)
        torch.testing.assert_close(to_pixels(enter(ramp).double()), expected, rtol=0, atol=1e-3)


def test_tensorflows_takes_pixels_at_i_in_over_299() -> None:
    images = some_images(3, 23, 2)
    entered = 128 * tensorflow_input(images) + 128
    resized = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(299, 299), align_corners=False)
    torch.testing.assert_close(entered, resized, rtol=0, atol=1e-5)
    # 299 = 13 · 23: every thirteenth pixel is one of the image's own.
    torch.testing.assert_close(entered[:, :, ::13, ::13], images.float(), rtol=0, atol=1e-3)


@torch.inference_mode()
def test_the_network_behind_them_is_the_extractors() -> None:
    network = random_inception()
    network.features_list = ["2048", "logits_unbiased"]
    images = some_images(num=2)
    features, logits = EnteredFeatures(network, tensorflow_input).with_logits(images)
    torch.testing.assert_close((features, logits), network(images), rtol=0, atol=0)


@torch.inference_mode()
def test_what_sfid_compares(detectors: dict[str, Detector]) -> None:
    images, network = some_images(num=2), random_inception()
    kept: list[torch.Tensor] = []
    network.Mixed_6d.branch1x1.register_forward_hook(lambda module, given, output: kept.append(output))
    network(images)
    assert kept[0].shape == (2, 192, 17, 17)
    features = detectors["inception_spatial"](images)
    assert features.shape == (2, 2023)
    assert torch.equal(features, kept[0][:, :7].reshape(2, -1))
    assert features.std() > 0


@torch.inference_mode()
def test_the_kinds(detectors: dict[str, Detector]) -> None:
    described = {name: (each.name, each.num_features, each.num_logits) for name, each in detectors.items()}
    assert described == {
        "inception": ("inception", 2048, 1008),
        "inception_clean": ("inception_clean", 2048, 1008),
        "inception_pytorch_fid": ("inception_pytorch_fid", 2048, 1008),
        "inception_spatial": ("inception_spatial", 2023, 0),
    }
    # Figures of unlike inputs have unlike names.
    assert [each.distance_name for each in detectors.values()] == ["fid", "fid_clean", "fid_pytorch", "sfid"]
    assert all(detector_option(name) == name for name in detectors)
    assert len({each.checksum for each in detectors.values()}) == 1
    grey = some_images(1, num=1)
    seen = {name: detector(grey) for name, detector in detectors.items()}
    for name in ("inception_clean", "inception_pytorch_fid"):
        change = (seen[name] - seen["inception"]).norm() / seen["inception"].norm()
        assert change > 1e-3
        given, logits = detectors[name].with_logits(grey.expand(-1, 3, -1, -1))
        torch.testing.assert_close(given, seen[name], rtol=1e-5, atol=1e-5)
        assert logits.shape == (1, 1008)


@torch.inference_mode()
def test_at_299_pixels_clean_is_torch_fidelitys(detectors: dict[str, Detector]) -> None:
    """There is nothing to resize, so the range alone tells pytorch-fid's."""
    images = some_images(3, 299, 1)
    torch.testing.assert_close(detectors["inception_clean"](images), detectors["inception"](images), rtol=0, atol=0)
    assert not torch.equal(detectors["inception_pytorch_fid"](images), detectors["inception"](images))


@pytest.mark.parametrize("name", ["inception_clean", "inception_pytorch_fid", "inception_spatial"])
def test_files_and_images_that_do_not_fit(name: str, tmp_path: Path) -> None:
    write_dinov2(tmp_path / "dino.pth")
    with pytest.raises(UserError, match=rf"dino.pth: not the weights of detector={name}: .*Missing key"):
        load_detector(DetectorCard(name, str(tmp_path / "dino.pth")), (3, 32, 32), CPU)
    with pytest.raises(UserError, match=rf"detector={name}: takes grey and RGB images, and these have 4 chan"):
        DETECTORS[name].check_shape((4, 32, 32))
