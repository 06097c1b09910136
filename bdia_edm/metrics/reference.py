"""Reference statistics: the data's mean and covariance in a detector's features.

Files are npz with `mu` (F,) and `sigma` (F, F), as EDM publishes them (ADM's hold further keys). Those written here
also say their `detector` and the `num` of images; where a file names its detector, no other is compared with it.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.npy_header import NpyHeader, read_npy_header
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.base.whole_files import written_whole
from bdia_edm.metrics.statistics import FeatureStatistics

__all__ = ["Reference", "ReferenceStatistics", "read_reference", "reference_detector", "write_reference"]

_LONGEST_NAME = 1000
_LARGEST = 1e100


class Reference(Protocol):
    """What metrics may know of the data: see ``ReferenceStatistics``."""

    @property
    def mean(self) -> NDArray[np.float64]: ...
    @property
    def covariance(self) -> NDArray[np.float64]: ...
    @property
    def checksum(self) -> str: ...


@dataclass(frozen=True)
class ReferenceStatistics:
    """The data's mean (F,) and covariance (F, F), float64; ``checksum`` identifies them."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    checksum: str


def write_reference(path: Path, statistics: FeatureStatistics, detector: str) -> None:
    """Writes what ``read_reference`` reads; the file is there whole or not at all."""
    mean, covariance = statistics.mean_and_covariance()
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, mu=mean, sigma=covariance, num=np.array(statistics.num), detector=np.array(detector))


def reference_detector(path: Path, option: str = "model.reference") -> str | None:
    """The detector that the file says it was made with; None where it says none, as EDM's and ADM's do.

    Args:
        option: what the user gave ``path`` for, for the messages.

    Raises:
        UserError: the file is missing or unreadable.
    """
    with _opened(path, option) as file:
        if "detector.npy" not in file.namelist():
            return None
        header = _header(file, "detector")
        if header.shape != () or header.dtype.kind != "U" or header.dtype.itemsize > _LONGEST_NAME:
            raise TypeError("its detector is not a name")
        return printable(str(_array(file, "detector")))


def read_reference(
    path: Path, detector: str, num_features: int, option: str = "model.reference"
) -> ReferenceStatistics:
    """Reads and checks the reference statistics for a detector of ``num_features`` features.

    Args:
        option: what the user gave ``path`` for, for the messages.

    Raises:
        UserError: the file is missing, unreadable, another detector's, of another size, or its covariance is not
            finite, symmetric and positive semi-definite.
    """
    made_for = reference_detector(path, option) or detector
    given = f"{option}={path}"
    if made_for != detector:
        raise UserError(f"{given}: made with the detector {made_for}, and this run's is {detector}")
    expected = (num_features,), (num_features, num_features)
    with _opened(path, option) as file:
        # Before anything is decompressed: a small file can hold a huge array.
        headers = [_header(file, key) for key in ("mu", "sigma")]
        found = tuple(header.shape for header in headers)
        if found != expected:
            raise UserError(
                f"{given}: mu {found[0]} and sigma {found[1]} must be {expected[0]} and {expected[1]}, the size "
                f"of {detector}'s features"
            )
        for header in headers:
            if header.dtype.kind not in "fiu":
                raise TypeError(f"it holds {header.dtype}, not numbers")
        mean, covariance = (np.asarray(_array(file, key), np.float64) for key in ("mu", "sigma"))
    _check_covariance(given, mean, covariance)
    return ReferenceStatistics(mean, covariance, hashlib.sha256(path.read_bytes()).hexdigest())


@contextmanager
def _opened(path: Path, option: str) -> Iterator[zipfile.ZipFile]:
    """The file; what reading it raises becomes one line."""
    kind = kind_of(path)
    if kind.name == "missing":
        raise UserError(f"{option}={path}: {kind.words}; it must be an npz with mu and sigma")
    if kind.name not in ("npz", "zip"):
        raise UserError(f"{option}={path}: must be an npz with mu and sigma: {kind.words}")
    try:
        with open_plain_zip(path) as file:
            yield file
    except UserError:
        raise
    except Exception as error:  # the parsers of zip and npy raise whatever they stumble over
        raise UserError(f"{option}={path}: must be an npz with mu and sigma: {one_line(error, 200)}") from error


def _header(file: zipfile.ZipFile, key: str) -> NpyHeader:
    with file.open(f"{key}.npy") as stream:
        return read_npy_header(stream)


def _array(file: zipfile.ZipFile, key: str) -> NDArray[Any]:
    # Not by np.load, which takes an entry without the ending in place of the one whose header was looked at.
    with file.open(f"{key}.npy") as stream:
        return np.asarray(npy.read_array(stream, allow_pickle=False))


def _check_covariance(given: str, mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> None:
    """Raises UserError unless distances from these are numbers: cheap looks first, the eigenvalues last."""
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise UserError(f"{given}: mu and sigma must be finite")
    for name, values in (("mu", mean), ("sigma", covariance)):
        largest = float(np.abs(values).max())
        # Distances square and multiply them, and add up as many as there are features.
        if largest > _LARGEST:
            raise UserError(f"{given}: {name} must be {_LARGEST:g} at most, its largest value is {largest:.3g}")
    scale = float(np.abs(covariance).max())
    smallest = float(covariance.diagonal().min())
    if smallest < -1e-6 * scale:
        raise UserError(f"{given}: sigma must have no negative variance on its diagonal, it has {smallest:.3g}")
    if not np.allclose(covariance, covariance.T, rtol=0, atol=1e-6 * scale):
        raise UserError(f"{given}: sigma must be symmetric")
    try:
        eigenvalues = torch.linalg.eigvalsh(torch.from_numpy(covariance))
    except torch.linalg.LinAlgError as error:
        raise UserError(f"{given}: sigma has no eigenvalues: {one_line(error, 200)}") from error
    smallest = float(eigenvalues[0])
    # What rounding makes of zero, in files that were computed in float32 too.
    if smallest < -1e-6 * float(eigenvalues[-1]):
        raise UserError(f"{given}: sigma must be positive semi-definite; its smallest eigenvalue is {smallest:.3g}")
