"""The plain pipeline that speed is compared with: it computes what ours does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bdia_edm.api import Run, finish, prepare, sample_images, to_uint8
from bdia_edm.metrics.frechet import frechet_distance
from scripts.plain_pipeline import distance_by_sqrtm, main, run_plainly, sample_to_files

IMAGES, STEPS = 150, 4
TOLERANCE = 2e-3
"""Of the distance: a pixel in some thousands is another grey level, and the root is another algorithm."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = ("+model=digits", "sampler=edm", f"sampler.num_steps={STEPS}", f"seeds=0-{IMAGES - 1}", "batch_size=50")
    return prepare(*options, "device=cpu", "workers=1", f"results_dir={tmp_path_factory.mktemp('runs')}")


def test_the_same_seeds_give_the_same_pixels(run: Run, tmp_path: Path) -> None:
    seeds = range(20, 50)
    sample_to_files(run.denoiser, seeds, STEPS, 15, run.device, tmp_path)
    files = sorted(tmp_path.glob("*.png"))
    assert [int(path.stem) for path in files] == list(seeds)
    theirs = np.stack([np.array(Image.open(path)) for path in files]).astype(int)
    ours = to_uint8(sample_images(run.denoiser, run.config.sampler, seeds)[0])[:, 0].numpy().astype(int)
    assert np.abs(theirs - ours).max() <= 1
    # Other seeds are other images: the agreement is not that of any two.
    assert np.abs(theirs[:-1] - ours[1:]).max() > 100


def test_the_same_seeds_give_the_same_distance(run: Run, tmp_path: Path) -> None:
    assert run.detector is not None
    assert run.reference is not None
    reference = run.reference.mean, run.reference.covariance
    found = run_plainly(run.denoiser, run.detector, range(IMAGES), STEPS, 50, run.device, tmp_path, reference)
    record = finish(run, str)
    assert found.distance == pytest.approx(record["metrics"]["fd_digits"], rel=TOLERANCE)
    assert min(found.sampling, found.features, found.distance_seconds) > 0


def test_the_distance_by_the_root_is_ours() -> None:
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((2, 8, 8))
    means, covariances = rng.standard_normal((2, 8)), factors @ factors.transpose(0, 2, 1)
    moments = (means[0], covariances[0], means[1], covariances[1])
    assert distance_by_sqrtm(*moments) == pytest.approx(frechet_distance(*moments), rel=1e-9)


def test_the_command() -> None:
    done = CliRunner().invoke(main, ["--images", "80", "--steps", "2", "--batch", "40"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("fd_digits ")
