"""Floats from an npz, and their two ways to 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.images.float_images import RANGES, FloatImages, holds_floats, rounded, truncated

FLOATS = np.random.default_rng(0).uniform(-1.1, 1.1, (6, 4, 5, 3))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_they_are_read_as_they_are(dtype: str, tmp_path: Path) -> None:
    images = FLOATS.astype(dtype)
    np.savez_compressed(tmp_path / "a.npz", images)
    assert holds_floats(tmp_path / "a.npz")
    found = FloatImages(tmp_path / "a.npz")
    assert (found.shape, len(found)) == ((3, 4, 5), 6)
    assert np.array_equal(found.read([0, 2, 5]), images[[0, 2, 5]])
    assert found.read([1]).dtype == (np.float64 if dtype == "float64" else np.float32)
    found.close()


def test_rounding_is_edms_and_truncating_guided_diffusions() -> None:
    images = FLOATS.astype(np.float32)
    x = torch.from_numpy(images)
    edm = (x * 127.5 + 128).clip(0, 255).to(torch.uint8).numpy()
    adm = ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8).numpy()
    assert np.array_equal(rounded(images, *RANGES["-1..1"]), edm)
    # Between steps the two ways to write it agree.
    assert np.array_equal(truncated(images, *RANGES["-1..1"]), adm)
    assert 0 < (edm.astype(int) - adm).mean() < 1


@pytest.mark.parametrize("name", RANGES)
def test_every_8_bit_image_comes_back(name: str) -> None:
    factor, summand = RANGES[name]
    steps = np.arange(256).reshape(1, 16, 16, 1)
    assert np.array_equal(rounded((steps - summand) / factor, factor, summand), steps)
    # A little above a step is still on it, a little below only where it is rounded.
    for shift, fallen in ((0.4, 0), (-0.4, 1)):
        images = (steps + shift - summand) / factor
        assert np.array_equal(rounded(images, factor, summand), steps)
        assert np.array_equal(truncated(images, factor, summand), (steps - fallen).clip(0))


def test_what_holds_no_floats(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", FLOATS.astype(np.uint8))
    np.savez(tmp_path / "b.npz", mu=FLOATS)
    (tmp_path / "c.npz").write_bytes(b"no zip")
    (tmp_path / "d.npz").mkdir()
    assert not any(holds_floats(tmp_path / f"{name}.npz") for name in "abcde")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (FLOATS * 100, "a.npz: image 0 holds 10.*; floats must be about from -1 to 1 or from 0 to 1"),
        (np.where(FLOATS > 1.09, np.nan, FLOATS), "a.npz: image . holds nan; floats must be"),
        (FLOATS[:0], "a.npz: holds no images, arr_0 is empty"),
        (FLOATS[..., :2], r"a.npz: arr_0 is float64 \(6, 4, 5, 2\); must be float16 or float32 or float64 \(N, H, W\)"),
    ],
)
def test_what_is_refused(images: np.ndarray, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images)
    with pytest.raises(UserError, match=message):
        FloatImages(tmp_path / "a.npz").read(range(len(images)))
