"""The embedded images: the script makes them, they are the data, and the network's reference is theirs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from sklearn.datasets import load_digits

from bdia_edm.api import Measuring, make_reference, prepare
from bdia_edm.checkpoints.locating import locate
from bdia_edm.images.image_source import open_images
from bdia_edm.metrics.reference import read_reference, with_features
from scripts.digits_images import main
from scripts.train_digits import ASSETS, statistics_of

EMBEDDED, PIXELS = ASSETS / "digits_images.npz", ASSETS / "digits_pixels_reference.npz"


def test_the_script_makes_what_is_embedded(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--dest", str(tmp_path)])
    assert done.exit_code == 0, done.output
    made, embedded = np.load(tmp_path / EMBEDDED.name), np.load(EMBEDDED)
    assert made.files == embedded.files == ["arr_0", "labels"]
    assert made["arr_0"].dtype == embedded["arr_0"].dtype == np.uint8
    assert made["labels"].dtype == embedded["labels"].dtype == np.int64
    assert all(np.array_equal(made[name], embedded[name]) for name in made.files)


def test_they_are_scikit_learns_as_the_card_names_them() -> None:
    card = prepare("+model=digits", "detector=none", "seeds=0").config.model
    assert card.images is not None
    assert locate(card.images) == EMBEDDED
    digits = load_digits()
    with closing(open_images(locate(card.images))) as source:
        pixels = source.read(range(len(source)))
        assert np.array_equal(pixels[..., 0], np.floor(digits.images * 255 / 16 + 0.5))
        assert (pixels.min(), pixels.max()) == (0, 255)
        assert np.array_equal(source.read_labels(), digits.target)


def test_their_features_are_the_reference() -> None:
    detector = prepare("+model=digits", "seeds=0-1").detector
    images = torch.from_numpy(np.load(EMBEDDED)["arr_0"]).permute(0, 3, 1, 2)
    with torch.inference_mode():
        features = detector(images).numpy()
    mean, covariance = statistics_of(features).mean_and_covariance()
    reference = read_reference(ASSETS / "digits_reference.npz", "digits", 64)
    # The file is in every record of the digits, by this checksum.
    assert reference.checksum == "e98f358c91d3d43d76da1c3305dc02a4b14945facb9fc5df7d9202f3f236f1d4"
    embedded = ASSETS / "digits_reference_features.npz"
    kept = with_features(reference, ASSETS / "digits_reference.npz", embedded, "digits").features
    np.testing.assert_allclose(kept, features, atol=1e-5)
    np.testing.assert_allclose(mean, reference.mean, atol=1e-5)
    np.testing.assert_allclose(covariance, reference.covariance, atol=1e-4)


def test_the_pixels_reference(tmp_path: Path) -> None:
    """The script's, and what ``fid ref`` makes of the embedded images."""
    done = CliRunner().invoke(main, ["--dest", str(tmp_path)])
    assert done.exit_code == 0, done.output
    made, embedded = np.load(tmp_path / PIXELS.name), np.load(PIXELS)
    assert made.files == embedded.files
    for name in made.files:
        if made[name].dtype == np.float64:
            # Another processor's matrix product sums in another order.
            np.testing.assert_allclose(made[name], embedded[name], rtol=0, atol=1e-12)
        else:
            assert np.array_equal(made[name], embedded[name])
    make_reference(EMBEDDED, tmp_path / "ref.npz", Measuring(detector="pixels", progress=False), features=1797)
    again = np.load(tmp_path / "ref.npz")
    assert sorted(again.files) == sorted(embedded.files)
    for name in ("mu", "sigma", "features"):
        np.testing.assert_allclose(again[name], embedded[name], rtol=0, atol=1e-12)
    assert (again["num"], again["detector"]) == (embedded["num"], embedded["detector"]) == (1797, "pixels")
