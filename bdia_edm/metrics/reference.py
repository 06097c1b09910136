"""Reference statistics: the data's mean and covariance in a detector's features.

Files are npz with `mu` (F,) and `sigma` (F, F), as EDM publishes them (ADM's hold further keys). Those written here
also say their `detector` and the `num` of images; where a file names its detector, no other is compared with it.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from bdia_edm.errors import UserError
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.statistics import FeatureStatistics

__all__ = ["Reference", "ReferenceStatistics", "read_reference", "write_reference"]


class Reference(Protocol):
    """What generated features are compared with: see ``ReferenceStatistics``."""

    @property
    def mean(self) -> NDArray[np.float64]: ...
    @property
    def covariance(self) -> NDArray[np.float64]: ...
    @property
    def checksum(self) -> str: ...

    def distance(self, statistics: FeatureStatistics) -> float: ...


@dataclass(frozen=True)
class ReferenceStatistics:
    """The data's mean (F,) and covariance (F, F), float64; ``checksum`` identifies them."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    checksum: str

    def distance(self, statistics: FeatureStatistics) -> float:
        """The Fréchet distance of the features' Gaussian from the data's."""
        return frechet_distance(*statistics.mean_and_covariance(), self.mean, self.covariance)


def write_reference(path: Path, statistics: FeatureStatistics, detector: str) -> None:
    """Writes what ``read_reference`` reads."""
    mean, covariance = statistics.mean_and_covariance()
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, mu=mean, sigma=covariance, num=np.array(statistics.num), detector=np.array(detector))
    partial.replace(path)


def read_reference(path: Path, detector: str, num_features: int) -> ReferenceStatistics:
    """Reads and checks the reference statistics for a detector of ``num_features`` features.

    Raises:
        UserError: the file is missing, unreadable, another detector's, of another size, or its covariance is not
            finite, symmetric and positive semi-definite.
    """
    if not path.is_file():
        raise UserError(f"model.reference={path}: no such file; it must be an npz with mu and sigma")
    try:
        with np.load(path, allow_pickle=False) as file:
            mean, covariance = (np.asarray(file[key], dtype=np.float64) for key in ("mu", "sigma"))
            made_for = str(file["detector"]) if "detector" in file.files else detector
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"model.reference={path}: must be an npz with mu and sigma: {reason}") from error
    if made_for != detector:
        raise UserError(f"model.reference={path}: made with the detector {made_for}, and this run's is {detector}")
    expected = (num_features,), (num_features, num_features)
    if (mean.shape, covariance.shape) != expected:
        raise UserError(
            f"model.reference={path}: mu {mean.shape} and sigma {covariance.shape} must be {expected[0]} and "
            f"{expected[1]}, the size of {detector}'s features"
        )
    _check_covariance(path, mean, covariance)
    return ReferenceStatistics(mean, covariance, hashlib.sha256(path.read_bytes()).hexdigest())


def _check_covariance(path: Path, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> None:
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise UserError(f"model.reference={path}: mu and sigma must be finite")
    scale = float(np.abs(covariance).max())
    if not np.allclose(covariance, covariance.T, rtol=0, atol=1e-6 * scale):
        raise UserError(f"model.reference={path}: sigma must be symmetric")
    smallest = float(torch.linalg.eigvalsh(torch.from_numpy(covariance)).min())
    if smallest < -1e-6 * scale * len(covariance):
        raise UserError(
            f"model.reference={path}: sigma must be positive semi-definite; its smallest eigenvalue is {smallest:.3g}"
        )
