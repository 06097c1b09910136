"""The influence function of the Fréchet distance against reference values, numerical derivatives and closed forms."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.influence import Influence, influence
from tests.metrics.test_statistics import made
from tests.references import REFERENCE

FEATURES = np.load(REFERENCE / "metrics" / "features.npz")
VALUES = json.loads((REFERENCE / "metrics" / "values.json").read_text())
Moments = tuple[np.ndarray, np.ndarray]


def moments(rows: np.ndarray, weights: np.ndarray | None = None) -> Moments:
    """Mean and covariance, of N - 1 where there are no weights."""
    rows = np.asarray(rows, np.float64)
    mean = np.average(rows, axis=0, weights=weights)
    return mean, np.cov(rows.T, ddof=0 if weights is not None else 1, aweights=weights)


def numbers(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return influence(generated, *moments(generated), *moments(reference))


def close(value: float) -> object:
    return pytest.approx(value, rel=0, abs=1e-7 * max(1, abs(value)))


@pytest.mark.parametrize("name", ["close", "shifted", "duplicates", "far"])
def test_reference_values(name: str) -> None:
    expected = VALUES["pairs"][name]["fid_influence"]
    found = numbers(FEATURES[name], FEATURES["real"])
    assert [*found[:5]] == [close(value) for value in expected["first_five"]]
    assert math.sqrt(found.var(ddof=1) / len(found)) == close(expected["standard_error"])


def test_reference_difference() -> None:
    expected = VALUES["paired_fid_difference"]
    found = [numbers(FEATURES[expected[name]], FEATURES["real"]) for name in ("b", "a")]
    error = math.sqrt((found[0] - found[1]).var(ddof=1) / len(found[0]))
    assert error == close(expected["standard_error_paired_by_row"])


@pytest.mark.parametrize("shape", ["full", "reference short of rank", "generated short of rank", "dead feature"])
def test_it_is_the_derivative_in_an_images_weight(shape: str) -> None:
    """f_k = dF/de where a share e of all weight goes over to image k.

    Short of rank there is none outside of the images' span, and images of the set stay inside.
    """
    rng = np.random.default_rng(3)
    mix = rng.standard_normal((8, 8))
    generated = rng.standard_normal((200, 8)) @ mix + 0.3
    reference = rng.standard_normal((300, 8)) * 1.5
    if shape.startswith("reference"):
        reference[:, 5:] = 0
    if shape.startswith("generated"):
        generated = generated @ np.diag([1, 1, 1, 1, 1, 0, 0, 0]) @ mix
    if shape == "dead feature":
        generated[:, 2] = reference[:, 2] = 0.25
    target = moments(reference)

    def distance(image: int, share: float) -> float:
        weights = np.full(len(generated), (1 - share) / len(generated))
        weights[image] += share
        return frechet_distance(*moments(generated, weights), *target)

    plain = moments(generated, np.ones(len(generated)))
    function = Influence(*plain, *target)
    found = function(generated)
    found -= found.mean()
    step = 1e-5
    for image in (0, 7, 199):
        derivative = (distance(image, step) - distance(image, -step)) / (2 * step)
        assert found[image] == pytest.approx(derivative, rel=1e-6, abs=1e-6)


def test_the_mean_is_0_and_blocks_change_nothing() -> None:
    generated, target = made(1300, 12), moments(made(500, 12, mean=0.5))
    found = influence(generated, *moments(generated), *target)
    assert abs(found.mean()) < 1e-13 * np.abs(found).max()
    function = Influence(*moments(generated), *target)
    alone = np.concatenate([function(row[None]) for row in generated])
    assert np.allclose(found, alone - alone.mean(), rtol=0, atol=1e-12 * np.abs(found).max())


def test_in_one_dimension() -> None:
    """F = (m - m_r)² + (s - s_r)², so f = 2 (x - m)(m - m_r) + ((x - m)² - s²)(1 - s_r/s)."""
    rows = np.array([[1.0], [2.0], [4.0], [9.0]])
    mean, variance = np.array([4.0]), np.array([[9.5]])
    centred = rows[:, 0] - 4
    expected = 2 * centred * (4 - 1.5) + centred**2 * (1 - 0.7 / math.sqrt(9.5))
    found = influence(rows, mean, variance, np.array([1.5]), np.array([[0.49]]))
    assert found == pytest.approx(expected - expected.mean(), rel=1e-12)


def test_no_image_matters_where_both_are_the_same() -> None:
    """The distance is at its least, 0: to first order nothing changes it."""
    rows = made(400, 10).astype(np.float64)
    assert np.abs(numbers(rows, rows)).max() < 1e-9 * (rows**2).sum(1).max()


def test_threads_change_no_bit() -> None:
    generated, target = made(600, 96), moments(made(700, 96, mean=0.5))
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(influence(generated, *moments(generated), *target))
    finally:
        torch.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()
