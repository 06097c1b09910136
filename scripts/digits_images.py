"""Makes the embedded images of scikit-learn's digits, with their classes, and the statistics of their pixels.

    pip install -e '.[train]'
    python -m scripts.digits_images

They are what the digits model was trained on: an npz with `arr_0` (1797, 8, 8, 1) uint8, the 17 greys as pixels from 0
to 255, and `labels` (1797,) int64; and one with the mean and covariance of the pixels as detector=pixels has them, and
these features themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from bdia_edm.base.whole_files import written_whole
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.engine.batch import to_uint8
from bdia_edm.metrics.statistics import FeatureStatistics
from scripts.train_digits import ASSETS, load_digits


@click.command(help=__doc__.partition("\n")[0] if __doc__ else None)
@click.option("--dest", default=ASSETS, type=click.Path(file_okay=False, path_type=Path), show_default=False)
def main(dest: Path) -> None:
    """Writes the files into the folder."""
    x, labels = load_digits()
    pixels = to_uint8(x).permute(0, 2, 3, 1).contiguous().numpy()
    _write(dest / "digits_images.npz", arr_0=pixels, labels=labels.numpy().astype(np.int64))
    detector = PixelDetector((1, 8, 8))
    features = detector(to_uint8(x)).numpy()
    statistics = FeatureStatistics(detector.num_features)
    statistics.add(features)
    mean, covariance = statistics.mean_and_covariance()
    facts = {"num": np.array(statistics.num), "detector": np.array(detector.name)}
    _write(dest / "digits_pixels_reference.npz", mu=mean, sigma=covariance, features=features, **facts)


def _write(path: Path, **arrays: Any) -> None:
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    main()
