"""How exactly images come back from their latents, and how far latents are from the noise that a network knows.

Both are taken in block by block and never held. Every image is summed up on its own and images are added in their
order, so the figures are the same bits however the images are cut into blocks. Arrays are (n, C, H, W) float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["LatentFigures", "RoundTripErrors", "grey_levels", "latent_warning"]

Float64 = NDArray[np.float64]
_RANGE = 2.0  # of a state, -1 to 1
_GREY_RANGE = 255.0
_BINS = 2**16
_LEAST_STD, _MOST_STD = 0.3, 2.0


def grey_levels(states: Float64) -> Float64:
    """States to grey levels 0 to 255, EDM's way: clip(127.5 x + 128, 0, 255) truncated; whole numbers, and NaN."""
    return np.trunc(np.clip(states * 127.5 + 128, 0, 255))


class RoundTripErrors:
    """Errors of images that were inverted and made again."""

    def __init__(self) -> None:
        self._num_values = self._num_pixels = self._num_changed = 0
        self._max = self._max_grey = self._squares = self._grey_squares = 0.0

    def add(self, original: Float64, reconstruction: Float64) -> None:
        """Adds images (n, C, H, W), about in [-1, 1], and what came back.

        Raises:
            ValueError: of another shape.
        """
        _require_shape(original)
        if original.shape != reconstruction.shape:
            raise ValueError(f"a reconstruction of shape {reconstruction.shape} of images of shape {original.shape}")
        for image, back in zip(original, reconstruction, strict=True):
            with np.errstate(invalid="ignore", over="ignore"):
                error = np.ascontiguousarray(back - image, np.float64)
                self._squares += float(np.square(error).sum())
                grey = np.abs(grey_levels(back) - grey_levels(image))
            self._grey_squares += float(np.square(grey).sum())
            self._max = float(np.maximum(self._max, np.abs(error).max()))
            self._max_grey = float(np.maximum(self._max_grey, grey.max()))
            self._num_changed += int((grey != 0).any(axis=0).sum())
            self._num_values += error.size
            self._num_pixels += grey[0].size

    def figures(self) -> dict[str, float]:
        """The errors of all images so far.

        `roundtrip_max`, `roundtrip_rms`: the largest and the root of the mean square, in state. Half a grey level is
            1/255 = 3.9e-3: below it nothing is seen.
        `roundtrip_psnr`: 10 log10(2²/rms²) dB, of all images as one; inf where every bit came back. Below 40 dB a
            difference begins to be seen, rounding to 8 bits has 58.9 dB, and rounding of float64 states over 250.
        `roundtrip_max_grey`: the largest difference of two pixels, in grey levels. Of images that were pixels a state
            lies half a level from the next, so that rounding changes none.
        `roundtrip_rms_grey`, `roundtrip_psnr_grey`: the root of the mean square of those differences, and the same in
            dB, 10 log10(255²/rms²).
        `roundtrip_pixels_changed`: the share of pixels where any channel's level is another one.

        NaN makes all but the last NaN; what is infinite makes the first three infinite, and is black or white as grey.

        Raises:
            ValueError: there are no images.
        """
        if not self._num_values:
            raise ValueError("no images, no errors")
        mean_square, grey_square = self._squares / self._num_values, self._grey_squares / self._num_values
        return {
            "roundtrip_max": self._max,
            "roundtrip_rms": math.sqrt(mean_square),
            "roundtrip_psnr": _psnr(mean_square, _RANGE),
            "roundtrip_max_grey": self._max_grey,
            "roundtrip_rms_grey": math.sqrt(grey_square),
            "roundtrip_psnr_grey": _psnr(grey_square, _GREY_RANGE),
            "roundtrip_pixels_changed": self._num_changed / self._num_pixels,
        }


class LatentFigures:
    """How far latents are from standard normal noise times sigma_max.

    The Kolmogorov-Smirnov distance is had from counts in 2^16 bins of equal probability, so it is too small by up to
    2^-16 = 1.5e-5, which is 1 % of what chance gives 2e5 values and as much as it gives 3e9.

    Args:
        sigma_max: the noise level of the latents.
    """

    def __init__(self, sigma_max: float) -> None:
        self._sigma_max = sigma_max
        self._num = self._num_pairs = 0
        self._shift = 0.0
        self._powers = np.zeros(4)
        # Of pairs (a, b): sums of a, b, a², b², ab.
        self._pairs = np.zeros(5)
        self._counts = np.zeros(_BINS, np.int64)
        self._num_nan = 0

    def add(self, latents: Float64) -> None:
        """Adds latents (n, C, H, W), at noise level sigma_max.

        Raises:
            ValueError: of another shape.
        """
        _require_shape(latents)
        with np.errstate(invalid="ignore", over="ignore"):
            for latent in latents:
                self._add_one(np.ascontiguousarray(latent, np.float64) / self._sigma_max)

    def _add_one(self, z: Float64) -> None:
        # Imported here: a command's help looks through the metrics without SciPy.
        from scipy.special import ndtr

        known = z[~np.isnan(z)]
        self._num_nan += z.size - known.size
        bins = np.minimum((ndtr(known) * _BINS).astype(np.int64), _BINS - 1)
        self._counts += np.bincount(bins, minlength=_BINS)
        if not self._num:
            # Sums of powers lose digits where the mean is far above the deviation; of noise, it is near to any mean.
            self._shift = float(z.mean())
        self._num += z.size
        z = z - self._shift
        square = z * z
        self._powers += [z.sum(), square.sum(), (square * z).sum(), (square * square).sum()]
        for a, b in ((z[..., :-1], z[..., 1:]), (z[:, :-1], z[:, 1:])):
            self._num_pairs += a.size
            self._pairs += [a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum()]

    def figures(self) -> dict[str, float]:
        """The figures of all values so far, channels together, in units of sigma_max.

        Beside each, what N independent standard normal values would give: its deviation by chance is one standard
        error, and a figure beyond three of them is no chance. For 1,000 images of 64 values, N = 64,000:

        `latent_std`: the standard deviation; 1 ± 1/sqrt(2N) (0.003). Exactly, noise on data of standard deviation s
            has sqrt(1 + (s/sigma_max)²), 1.00002 for s = 0.5 and 80.
        `latent_mean`: 0 ± 1/sqrt(N) (0.004).
        `latent_skewness`: 0 ± sqrt(6/N) (0.01); above 0 the upper tail is the longer one.
        `latent_kurtosis`: excess kurtosis, 0 ± sqrt(24/N) (0.02); above 0 the tails are heavier.
        `latent_ks`: the largest distance of their distribution function from N(0, 1)'s; 0.87/sqrt(N) in the mean
            (0.0034), above 1.36/sqrt(N) in one of 20 (0.0054). It is not of the shape alone: a deviation of 0.9
            gives 0.025, one of 0.7 0.085.
        `latent_neighbours`: correlation of values with those right of them and below them, of all such pairs as one,
            within channels; 0 ± 1/sqrt(pairs) (0.003; there are nearly 2N). Above 0 the image's structure is left in
            its latent. A channel's own mean counts as structure.

        Latents with a NaN have all figures NaN; with an infinite value, NaN but for `latent_ks`, which counts it. Where
        all values are equal, what is divided by their deviation is NaN, and so is a correlation without pairs.

        Raises:
            ValueError: there are no latents.
        """
        if not self._num:
            raise ValueError("no latents, no figures")
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            m1, m2, m3, m4 = self._powers / self._num
            variance = np.maximum(m2 - m1 * m1, 0.0)
            third = m3 - 3 * m1 * m2 + 2 * m1**3
            fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
            a, b, aa, bb, ab = self._pairs / np.float64(self._num_pairs)
            correlation = (ab - a * b) / np.sqrt((aa - a * a) * (bb - b * b))
            found = {
                "latent_std": np.sqrt(variance),
                "latent_mean": self._shift + m1,
                "latent_skewness": third / variance**1.5,
                "latent_kurtosis": fourth / variance**2 - 3,
                "latent_ks": self._distance(),
                "latent_neighbours": correlation,
            }
        return {name: float(value) for name, value in found.items()}

    def _distance(self) -> float:
        if self._num_nan:
            return math.nan
        below = np.cumsum(self._counts) / self._num
        return float(np.abs(below - np.arange(1, _BINS + 1) / _BINS).max())


def latent_warning(figures: Mapping[str, float]) -> str:
    """A warning where the latents' deviation alone says that they are no noise of this network; '' where not.

    The bounds are 0.3 and 2 of sigma_max, where images are five times as far from the data as those of noise. Measured
    on the digits network, Heun with 18 steps from 500 noises times s, the Fréchet distance from the data is 0.67 at
    s = 1 (two halves of the data are 0.80 apart) and

        s          0.1   0.2   0.3   0.4   0.5   0.7   0.85  1.2   1.5   2     3     5
        distance   6.7   4.6   3.0   2.1   1.6   0.96  0.73  0.77  1.2   3.3   16    44

    Latents of the data's images by exact inverses have 0.5 to 1. A deviation within says nothing of their shape: see
    `latent_ks` and `latent_neighbours`.

    Args:
        figures: those of ``LatentFigures``.
    """
    std = figures["latent_std"]
    if _LEAST_STD <= std <= _MOST_STD:
        return ""
    return (
        f"warning: the latents' standard deviation is {std:.3g} of sigma_max, and noise of this network has 1: however "
        "exactly the images come back, as latents to edit or to mix these are useless"
    )


def _psnr(mean_square: float, whole: float) -> float:
    if mean_square == 0:
        return math.inf
    return 10 * (math.log10(whole**2) - math.log10(mean_square))


def _require_shape(values: Float64) -> None:
    if values.ndim != 4:
        raise ValueError(f"values of shape {values.shape}: must be (n, C, H, W)")
