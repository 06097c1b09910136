"""Errors of round trips and figures of latents: against their definitions, known distributions, and however cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy import stats

from bdia_edm.engine.batch import to_uint8
from bdia_edm.metrics.latents import LatentFigures, RoundTripErrors, grey_levels, latent_warning

NUM = 40
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def figures_of(latents: np.ndarray, sigma_max: float = 80.0, cuts: Sequence[int] = ()) -> dict[str, float]:
    found = LatentFigures(sigma_max)
    for part in np.split(latents, list(cuts)):
        found.add(part)
    return found.figures()


def errors_of(original: np.ndarray, reconstruction: np.ndarray, cuts: Sequence[int] = ()) -> dict[str, float]:
    found = RoundTripErrors()
    for parts in zip(np.split(original, list(cuts)), np.split(reconstruction, list(cuts)), strict=True):
        found.add(*parts)
    return found.figures()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_errors_are_those_of_all_images_at_once() -> None:
    image = np.clip(noise(7, 3, 5, 4) / 2, -1, 1)
    back = image + 0.01 * noise(7, 3, 5, 4, seed=1)
    found = errors_of(image, back, cuts=[2, 3])
    difference = back - image
    rms = np.sqrt(np.mean(difference**2))
    pixels, pixels_back = (to_uint8(torch.from_numpy(each)).numpy().astype(int) for each in (image, back))
    changed = (pixels != pixels_back).any(axis=1)
    grey = np.sqrt(np.mean((pixels - pixels_back) ** 2))
    assert found == {
        "roundtrip_max": np.abs(difference).max(),
        "roundtrip_rms": pytest.approx(rms, rel=1e-12),
        "roundtrip_psnr": pytest.approx(20 * np.log10(2 / rms), rel=1e-12),
        "roundtrip_max_grey": np.abs(pixels - pixels_back).max(),
        "roundtrip_rms_grey": pytest.approx(grey, rel=1e-12),
        "roundtrip_psnr_grey": pytest.approx(20 * np.log10(255 / grey), rel=1e-12),
        "roundtrip_pixels_changed": pytest.approx(changed.mean(), rel=1e-12),
    }
    assert 0 < found["roundtrip_pixels_changed"] < 1


def test_errors_by_hand() -> None:
    """Grey levels are 2/255 apart, and a difference of 1/10 of the range is 20 dB."""
    image = np.zeros((1, 3, 1, 2))
    back = image.copy()
    back[0, 1, 0, 1] = 10 / 127.5
    found = errors_of(image, back)
    assert found["roundtrip_max_grey"] == 10
    assert found["roundtrip_pixels_changed"] == 0.5
    assert errors_of(image, image + 0.2)["roundtrip_psnr"] == pytest.approx(20)
    exact = errors_of(image, image)
    assert exact.pop("roundtrip_psnr") == exact.pop("roundtrip_psnr_grey") == math.inf
    assert set(exact.values()) == {0.0}


def test_levels_are_those_of_saved_images() -> None:
    x = np.concatenate([np.linspace(-1.5, 1.5, 10_001), np.arange(-128, 128) / 127.5, [-1e300, 1e300, np.inf]])
    assert np.array_equal(grey_levels(x), to_uint8(torch.from_numpy(x)).numpy())


def test_an_image_that_is_lost() -> None:
    image = np.zeros((2, 1, 2, 2))
    for lost, largest in ((np.nan, math.nan), (np.inf, math.inf)):
        back = image.copy()
        back[0, 0, 1, 1] = lost
        found = errors_of(image, back, cuts=[1])
        assert found["roundtrip_max"] == pytest.approx(largest, nan_ok=True)
        assert found["roundtrip_rms"] == pytest.approx(largest, nan_ok=True)
        assert found["roundtrip_psnr"] == pytest.approx(-largest, nan_ok=True)
        assert found["roundtrip_pixels_changed"] == 1 / 8
    assert found["roundtrip_max_grey"] == 127
    assert found["roundtrip_rms_grey"] == pytest.approx(127 / math.sqrt(8))


@pytest.mark.parametrize("cuts", [[1], [7, 7, 20], list(range(1, NUM))])
def test_cutting_changes_no_bit(cuts: list[int]) -> None:
    z = 80 * noise(NUM, 3, 5, 7) + 3
    assert figures_of(z, cuts=cuts) == figures_of(z)
    # Nor does it how they lie in memory.
    turned = np.asfortranarray(z)
    assert figures_of(turned, cuts=cuts) == figures_of(z)
    assert errors_of(z / 80, turned / 81, cuts) == errors_of(z / 80, z / 81)


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_noise(seed: int) -> None:
    """Every figure within four of the standard errors that the docstring gives."""
    z = 80 * noise(1000, 1, 8, 8, seed=seed)
    found = figures_of(z)
    assert abs(found["latent_std"] - 1) < 4 / math.sqrt(2 * z.size)
    assert abs(found["latent_mean"]) < 4 / math.sqrt(z.size)
    assert abs(found["latent_skewness"]) < 4 * math.sqrt(6 / z.size)
    assert abs(found["latent_kurtosis"]) < 4 * math.sqrt(24 / z.size)
    assert abs(found["latent_neighbours"]) < 4 / math.sqrt(2 * 1000 * 8 * 7)
    assert found["latent_ks"] < 1.95 / math.sqrt(z.size)  # one of 1,000
    assert latent_warning(found) == ""


def test_what_chance_gives_is_what_the_docstring_says() -> None:
    """Standard errors over 300 sets of 20 images of 64 values."""
    sets = [figures_of(80 * noise(20, 1, 8, 8, seed=seed)) for seed in range(300)]
    expected = {
        "latent_std": 1 / math.sqrt(2 * 1280),
        "latent_mean": 1 / math.sqrt(1280),
        "latent_skewness": math.sqrt(6 / 1280),
        "latent_kurtosis": math.sqrt(24 / 1280),
        "latent_neighbours": 1 / math.sqrt(2 * 20 * 8 * 7),
    }
    for name, error in expected.items():
        assert np.std([each[name] for each in sets]) == pytest.approx(error, rel=0.15), name
    distances = [each["latent_ks"] for each in sets]
    assert np.mean(distances) == pytest.approx(0.87 / math.sqrt(1280), rel=0.05)
    assert np.quantile(distances, 0.95) == pytest.approx(1.36 / math.sqrt(1280), rel=0.1)


@pytest.mark.parametrize(
    ("draw", "std", "mean", "skewness", "kurtosis"),
    [
        (lambda rng, shape: rng.uniform(0, 1, shape), 12**-0.5, 0.5, 0.0, -1.2),
        (lambda rng, shape: rng.exponential(2, shape), 2.0, 2.0, 2.0, 6.0),
        (lambda rng, shape: rng.laplace(-1, 0.5, shape), 0.5**0.5, -1.0, 0.0, 3.0),
        (lambda rng, shape: 1000 + 0.1 * rng.standard_normal(shape), 0.1, 1000.0, 0.0, 0.0),
    ],
)
def test_distributions_whose_figures_are_known(
    draw: Draw, std: float, mean: float, skewness: float, kurtosis: float
) -> None:
    z = draw(np.random.default_rng(0), (400, 2, 20, 20))
    found = figures_of(z, sigma_max=1.0, cuts=[100])
    assert found["latent_std"] == pytest.approx(std, rel=0.01)
    assert found["latent_mean"] == pytest.approx(mean, rel=0.01)
    assert found["latent_skewness"] == pytest.approx(skewness, abs=0.05)
    assert found["latent_kurtosis"] == pytest.approx(kurtosis, abs=0.2)
    # The same sums as SciPy's of all values at once, also where the mean is 10,000 deviations from 0.
    assert found["latent_skewness"] == pytest.approx(stats.skew(z, axis=None), abs=1e-7)
    assert found["latent_kurtosis"] == pytest.approx(stats.kurtosis(z, axis=None), abs=1e-7)
    assert found["latent_std"] == pytest.approx(z.std(), rel=1e-9)
    assert found["latent_mean"] == pytest.approx(z.mean(), rel=1e-12)


@pytest.mark.parametrize(
    "z",
    [
        noise(30, 1, 8, 8),
        0.7 * noise(30, 1, 8, 8),
        noise(30, 3, 4, 4) + 0.1,
        np.random.default_rng(0).uniform(-3, 3, (9, 1, 8, 8)),
        np.full((2, 1, 2, 2), 0.25),
        np.full((2, 1, 2, 2), 1e6),
        np.full((2, 1, 2, 2), -np.inf),
        np.zeros((1, 1, 1, 1)),
    ],
)
def test_the_distance_is_scipys_to_its_resolution(z: np.ndarray) -> None:
    expected = stats.kstest(z.ravel(), "norm").statistic
    found = figures_of(80 * z)["latent_ks"]
    assert found <= expected + 1e-12
    assert found >= expected - 2**-16 - 1e-12


def test_neighbours_are_those_right_and_below() -> None:
    rng = np.random.default_rng(0)
    white = rng.standard_normal((200, 2, 12, 12))
    # Moving averages of two rows: vertical neighbours correlate by a half, horizontal ones not.
    rows = white[:, :, 1:] + white[:, :, :-1]
    z = rows / math.sqrt(2)
    across, down = (z[..., :-1], z[..., 1:]), (z[:, :, :-1], z[:, :, 1:])
    a, b = (np.concatenate([pair[k].ravel() for pair in (across, down)]) for k in (0, 1))
    found = figures_of(80 * z)["latent_neighbours"]
    assert found == pytest.approx(np.corrcoef(a, b)[0, 1], rel=1e-9)
    assert found == pytest.approx(0.5 * down[0].size / a.size, abs=0.01)
    # Channels and images are no neighbours.
    same = np.repeat(np.repeat(rng.standard_normal((1, 1, 12, 12)), 3, axis=1), 4, axis=0)
    assert figures_of(80 * same)["latent_neighbours"] == pytest.approx(
        figures_of(80 * same[:1, :1])["latent_neighbours"]
    )
    # But what sets a channel off is structure.
    apart = noise(50, 2, 8, 8) + np.array([3.0, -3.0])[:, None, None]
    assert figures_of(80 * apart)["latent_neighbours"] == pytest.approx(0.9, abs=0.02)


def test_latents_without_neighbours_or_without_deviation() -> None:
    single = figures_of(80 * noise(50, 3, 1, 1))
    assert math.isnan(single["latent_neighbours"])
    assert math.isfinite(single["latent_kurtosis"])
    equal = figures_of(np.full((3, 1, 2, 2), 40.0))
    assert (equal["latent_std"], equal["latent_mean"]) == (0.0, 0.5)
    assert all(math.isnan(equal[name]) for name in ("latent_skewness", "latent_kurtosis", "latent_neighbours"))


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("image", [0, 3])
def test_latents_that_are_not_finite(lost: float, image: int, recwarn: pytest.WarningsRecorder) -> None:
    z = 80 * noise(5, 1, 4, 4)
    z[image, 0, 2, 1] = lost
    found = figures_of(z, cuts=[2])
    assert not any(math.isfinite(value) for name, value in found.items() if name != "latent_ks")
    assert math.isnan(found["latent_ks"]) == math.isnan(lost)
    assert "standard deviation is nan of sigma_max" in latent_warning(found)
    assert not recwarn.list


def test_huge_latents_are_told_as_such() -> None:
    found = figures_of(noise(5, 1, 8, 8) * 1e7)
    assert found["latent_std"] == pytest.approx(1e7 / 80, rel=0.1)
    assert found["latent_ks"] > 0.49
    assert not math.isfinite(figures_of(noise(5, 1, 8, 8) * 1e200)["latent_kurtosis"])


@pytest.mark.parametrize(
    ("std", "warns"), [(0.2, True), (0.31, False), (1, False), (1.9, False), (2.1, True), (2e5, True)]
)
def test_the_deviation_is_warned_of(std: float, warns: bool) -> None:
    line = latent_warning({"latent_std": std})
    assert bool(line) == warns
    assert "\n" not in line
    if warns:
        assert line.startswith("warning: ")
        assert f"{std:.3g} of sigma_max" in line


def test_what_has_no_figures_is_refused() -> None:
    with pytest.raises(ValueError, match="no latents"):
        LatentFigures(80).figures()
    with pytest.raises(ValueError, match="no images"):
        RoundTripErrors().figures()
    with pytest.raises(ValueError, match=r"must be \(n, C, H, W\)"):
        LatentFigures(80).add(noise(3, 4))
    with pytest.raises(ValueError, match="a reconstruction of shape"):
        RoundTripErrors().add(noise(2, 1, 3, 3), noise(2, 1, 1, 1))
