"""Reference statistics: files that are read, and files that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdia_edm.errors import UserError
from bdia_edm.metrics.reference import read_reference, write_reference
from tests.test_statistics import made, statistics_of

STATISTICS = statistics_of(made(300, 4))
MEAN, COVARIANCE = STATISTICS.mean_and_covariance()


def test_round_trip(tmp_path: Path) -> None:
    write_reference(tmp_path / "a.npz", STATISTICS, "digits")
    reference = read_reference(tmp_path / "a.npz", "digits", 4)
    assert np.array_equal(reference.mean, MEAN)
    assert np.array_equal(reference.covariance, COVARIANCE)
    assert abs(reference.distance(STATISTICS)) < 1e-9
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(UserError, match="made with the detector digits, and this run's is inception"):
        read_reference(tmp_path / "a.npz", "inception", 4)


def test_files_of_edm_and_adm(tmp_path: Path) -> None:
    np.savez(tmp_path / "edm.npz", mu=MEAN, sigma=COVARIANCE)
    np.savez(tmp_path / "adm.npz", mu=MEAN, sigma=COVARIANCE, mu_s=np.zeros(3), sigma_s=np.eye(3), arr_0=np.zeros(2))
    for name in ("edm.npz", "adm.npz"):
        assert abs(read_reference(tmp_path / name, "any", 4).distance(STATISTICS)) < 1e-9


def test_a_singular_covariance_is_fine(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mu=MEAN, sigma=np.outer(MEAN, MEAN))
    read_reference(tmp_path / "a.npz", "any", 4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": MEAN}, "sigma"),
        ({"mu": MEAN[:3], "sigma": COVARIANCE[:3, :3]}, r"mu \(3,\) and sigma \(3, 3\) must be \(4,\) and \(4, 4\)"),
        ({"mu": MEAN, "sigma": np.diag(COVARIANCE)}, r"sigma \(4,\) must be"),
        ({"mu": MEAN * np.nan, "sigma": COVARIANCE}, "must be finite"),
        ({"mu": MEAN, "sigma": COVARIANCE * np.inf}, "must be finite"),
        ({"mu": MEAN, "sigma": COVARIANCE + np.triu(np.ones((4, 4)))}, "must be symmetric"),
        ({"mu": MEAN, "sigma": -COVARIANCE}, "must be positive semi-definite; its smallest eigenvalue is -"),
        ({"mu": MEAN, "sigma": np.array([["a"] * 4] * 4)}, "must be an npz with mu and sigma"),
        ({"mu": MEAN, "sigma": np.array([[None] * 4] * 4)}, "must be an npz with mu and sigma"),
    ],
)
def test_what_is_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message) as error:
        read_reference(tmp_path / "a.npz", "any", 4)
    assert str(error.value).startswith(f"model.reference={tmp_path / 'a.npz'}: ")
    assert "\n" not in str(error.value)
