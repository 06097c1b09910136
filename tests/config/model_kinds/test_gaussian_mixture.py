"""The card of a mixture: what tells mixtures apart, and their exact reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.config.model_kinds.gaussian_mixture import MixtureCard
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.batch import to_uint8
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.models.gaussian_mixture import GaussianMixture
from tests.metrics.test_frechet import distance_from
from tests.metrics.test_statistics import statistics_of
from tests.sampling import exact_samples

MIXTURE = MixtureCard(name="g", img_resolution=3, img_channels=1, components=4, seed=5, reference_samples=2000)


def test_the_checksum_tells_mixtures_apart() -> None:
    assert MIXTURE.checksum() != replace(MIXTURE, seed=6).checksum()
    assert MIXTURE.checksum() == replace(MIXTURE, name="another name").checksum()


def test_it_loads_its_mixture() -> None:
    loaded = MIXTURE.load(torch.device("cpu"))
    x = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded(x, 0.5), GaussianMixture(3, 1, 4, 5)(x, 0.5))


def test_the_exact_reference_is_that_of_exact_samples() -> None:
    detector = PixelDetector((1, 3, 3))
    reference = MIXTURE.load_reference(detector)
    samples = exact_samples(GaussianMixture(3, 1, 4, 5), 2000)
    assert distance_from(reference, statistics_of(detector(to_uint8(samples)).numpy())) == pytest.approx(0, abs=1e-9)
    others = exact_samples(GaussianMixture(3, 1, 4, 5), 2000, seed=9)
    assert distance_from(reference, statistics_of(detector(to_uint8(others)).numpy())) < 0.01


def test_the_true_moments_are_those_of_very_many_samples() -> None:
    """An image's distance from the truth falls as 1/N; that of the samples from each other is twice as large."""
    detector = PixelDetector((1, 3, 3))
    true = replace(MIXTURE, reference="moments").load_reference(detector)
    distances = []
    for num in (2_000, 200_000):
        exact = replace(MIXTURE, reference_samples=num).load_reference(detector)
        distances.append(frechet_distance(exact.mean, exact.covariance, true.mean, true.covariance))
    assert distances[0] < 2e-3
    assert distances[1] < 2e-5
    assert true.checksum != MIXTURE.load_reference(detector).checksum
    # Features are of samples, whatever the moments are of.
    assert np.array_equal(true.features, MIXTURE.load_reference(detector).features)
    assert (true.num_kept, true.features.shape) == (2000, (2000, 9))


def test_only_pixels_have_true_moments() -> None:
    detector = PixelDetector((1, 3, 3))
    detector.name = "digits"
    with pytest.raises(
        UserError, match=r"^model.reference=moments: known of pixels, and this run's detector is digits"
    ):
        replace(MIXTURE, reference="moments").load_reference(detector)


def test_features_are_those_of_the_first_samples() -> None:
    detector = PixelDetector((1, 3, 3))
    reference = replace(MIXTURE, reference_samples=12_000).load_reference(detector)
    samples = exact_samples(GaussianMixture(3, 1, 4, 5), 12_000)
    assert reference.num_kept == 10_000
    assert np.array_equal(reference.features, detector(to_uint8(samples[:10_000])).numpy())


def test_its_checksum_is_known_before_it_is_computed() -> None:
    """Workers that do not measure need no reference, but they need its checksum."""
    reference = replace(MIXTURE, reference_samples=9_000_000).load_reference(PixelDetector((1, 3, 3)))
    other = replace(MIXTURE, reference_samples=10_000_000).load_reference(PixelDetector((1, 3, 3)))
    assert reference.checksum != other.checksum


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"img_resolution": 1_000_000}, "model.img_resolution=1000000: must be from 1 to 4096"),
        ({"img_channels": 10**30}, "model.img_channels=1000000000000000000000000000000: must be from 1 to 1024"),
        ({"components": 10**9}, "model.components=1000000000: must be from 1 to "),
        ({"reference_samples": 2**60}, "model.reference_samples=1152921504606846976: must be from 2 to "),
        ({"img_resolution": 4096, "img_channels": 4}, "model.components=4 of 4 x 4096 x 4096: must be so few that"),
        ({"components": 90_000, "img_resolution": 28}, "model.components=90000 of 1 x 28 x 28: must be so few that"),
    ],
)
def test_what_no_memory_holds_is_refused_at_once(
    changed: dict[str, int], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MixtureCard, "mixture", lambda self: pytest.fail("it was built"))
    with pytest.raises(UserError) as caught:
        replace(MIXTURE, **changed)
    assert str(caught.value).startswith(words)
