"""The training script, at a size for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bdia_edm.checkpoints.safetensors_file import read_network
from bdia_edm.metrics.reference import read_reference
from scripts import train_digits
from scripts.train_digits import NETWORK, main


def test_it_makes_what_is_embedded(tmp_path: Path) -> None:
    dest = tmp_path / "digits.safetensors"
    made = []
    for _ in range(2):
        done = CliRunner().invoke(main, ["network", "--iterations", "3", "--batch", "8", "--dest", str(dest)])
        assert done.exit_code == 0, done.output
        made.append(read_network(dest, "denoiser"))
    embedded = read_network(train_digits.ASSETS / "digits.safetensors", "denoiser")
    assert made[0].init_kwargs == embedded.init_kwargs == NETWORK
    assert {name: value.shape for name, value in made[0].state_dict.items()} == {
        name: value.shape for name, value in embedded.state_dict.items()
    }
    # Seeded: the same weights both times.
    assert all(torch.equal(made[0].state_dict[name], made[1].state_dict[name]) for name in made[0].state_dict)

    done = CliRunner().invoke(main, ["detector", "--epochs", "2", "--dest", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "test accuracy" in done.stdout
    assert read_network(tmp_path / "digits_detector.safetensors", "detector").class_name == "DigitsDetector"
    assert read_reference(tmp_path / "digits_reference.npz", "digits", 64).mean.shape == (64,)
    made_of = np.load(tmp_path / "digits_reference_features.npz")["features"]
    statistics = train_digits.statistics_of(made_of)
    assert np.array_equal(statistics.mean_and_covariance()[0], np.load(tmp_path / "digits_reference.npz")["mu"])


def test_the_data() -> None:
    x, labels = train_digits.load_digits()
    assert x.shape == (1797, 1, 8, 8)
    assert (x.min(), x.max()) == (-1, 1)
    assert sorted(set(labels.tolist())) == list(range(10))
    assert float(x.std()) == pytest.approx(train_digits.SIGMA_DATA, abs=0.005)


def test_the_assets_are_small() -> None:
    assert sum(path.stat().st_size for path in train_digits.ASSETS.iterdir() if path.is_file()) < 5e6


def test_the_loss_weighs_every_noise_level_by_the_error_that_is_likely_there() -> None:
    """Errors of the posterior's deviation, as of Gaussian data, cost 1 each, and the perfect denoiser nothing."""
    x = torch.randn(4, 1, 8, 8)

    def likely(noisy: torch.Tensor, sigma: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        sigma = sigma.reshape(-1, 1, 1, 1)
        return x + sigma * train_digits.SIGMA_DATA / (sigma**2 + train_digits.SIGMA_DATA**2) ** 0.5

    assert float(train_digits.edm_loss(lambda noisy, sigma, labels: x, x, torch.zeros(4, 10))) == 0
    assert float(train_digits.edm_loss(likely, x, torch.zeros(4, 10))) == pytest.approx(1, rel=1e-4)
