"""The embedded detector: what it was trained for, and how far its data are from each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bdia_edm.api import finish, prepare
from bdia_edm.config.detector_card import detector_card
from bdia_edm.config.model_kinds.network import NetworkCard
from bdia_edm.detectors.digits import DigitsDetector
from bdia_edm.engine.batch import to_uint8
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.run.loading_detectors import load_detector, load_reference
from tests.metrics.test_frechet import distance_from
from tests.metrics.test_statistics import statistics_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load_digits()
    return to_uint8(torch.from_numpy(data.images)[:, None] / 8 - 1), torch.from_numpy(data.target)


@pytest.fixture(scope="module")
def features(digits: tuple[torch.Tensor, torch.Tensor]) -> np.ndarray:
    detector = load_detector(detector_card("digits"), DigitsDetector.shape, CPU)
    assert detector is not None
    assert detector.num_features == 64
    return detector(digits[0]).numpy()


@pytest.fixture(scope="module")
def apart(features: np.ndarray) -> float:
    """How far two halves of the data are from each other, by which any good model is measured."""
    shuffled = features[np.random.default_rng(0).permutation(len(features))]
    halves = [statistics_of(half).mean_and_covariance() for half in np.array_split(shuffled, 2)]
    return frechet_distance(*halves[0], *halves[1])


def test_it_knows_the_digits(digits: tuple[torch.Tensor, torch.Tensor], features: np.ndarray) -> None:
    detector = load_detector(detector_card("digits"), DigitsDetector.shape, CPU)
    images, labels = digits
    assert detector is not None
    given, logits = detector.with_logits(images)
    assert (logits.dtype, logits.shape, detector.num_logits) == (torch.float32, (1797, 10), 10)
    assert float((logits.argmax(1) == labels).float().mean()) > 0.98
    # Whether the logits are asked for does not move the features.
    assert np.array_equal(given.numpy(), features)


def test_features_do_not_depend_on_the_batch(digits: tuple[torch.Tensor, torch.Tensor], features: np.ndarray) -> None:
    detector = load_detector(detector_card("digits"), DigitsDetector.shape, CPU)
    assert detector is not None
    alone = torch.cat([detector(image[None]) for image in digits[0][:20]]).numpy()
    np.testing.assert_allclose(alone, features[:20], atol=1e-5)


def test_the_reference_is_that_of_the_data(features: np.ndarray, apart: float) -> None:
    detector = load_detector(detector_card("digits"), DigitsDetector.shape, CPU)
    assert detector is not None
    card = NetworkCard(name="digits", path="embedded:digits.safetensors", reference="embedded:digits_reference.npz")
    reference = load_reference(card, detector)
    assert abs(distance_from(reference, statistics_of(features))) < 1e-4
    noise = np.random.default_rng(0).integers(0, 256, (500, 1, 8, 8), dtype=np.uint8)
    assert distance_from(reference, statistics_of(detector(torch.from_numpy(noise)).numpy())) > 10 * apart


@pytest.mark.slow
def test_the_embedded_network_is_as_good_as_it_must_be(apart: float, tmp_path: Path) -> None:
    """At 18 steps its images are at most half as far from the data as two halves of the data from each other."""
    run = prepare("+model=digits", "sampler=edm", "sampler.num_steps=18", "seeds=0-2999", f"results_dir={tmp_path}")
    assert finish(run, lambda line: None)["metrics"]["fd_digits"] < apart / 2
