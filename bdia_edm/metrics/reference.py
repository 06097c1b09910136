"""Reference statistics: the data's mean and covariance in a detector's features.

Files are npz with `mu` (F,) and `sigma` (F, F), as EDM publishes them (ADM's hold further keys). Those written here
also say their `detector` and the `num` of images, and may keep `features` (n, F) of images; where a file names its
detector, no other is compared with it.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.late_torch import torch
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.npy_header import NpyHeader, read_npy_header
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.base.whole_files import written_whole
from bdia_edm.metrics.statistics import FeatureStatistics

__all__ = ["Reference", "ReferenceStatistics", "read_reference", "reference_detector", "with_features"]
__all__ += ["write_features", "write_reference"]

_LONGEST_NAME = 1000
_LARGEST = 1e100
_MOST_KEPT = 1_000_000


class Reference(Protocol):
    """What metrics may know of the data: see ``ReferenceStatistics``."""

    @property
    def mean(self) -> NDArray[np.float64]: ...
    @property
    def covariance(self) -> NDArray[np.float64]: ...
    @property
    def checksum(self) -> str: ...
    @property
    def num_kept(self) -> int: ...
    @property
    def features(self) -> NDArray[np.float32]: ...
    @property
    def features_checksum(self) -> str: ...


@dataclass(frozen=True)
class ReferenceStatistics:
    """The data's mean (F,) and covariance (F, F), float64; ``checksum`` identifies them.

    Attributes:
        kept: features (n, F) of images of the data; None where there are none, or nobody asked for them.
        features_checksum: identifies these; '' where ``checksum`` does.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    checksum: str
    kept: NDArray[np.float32] | None = None
    features_checksum: str = ""

    @property
    def num_kept(self) -> int:
        """How many images' features there are."""
        return 0 if self.kept is None else len(self.kept)

    @property
    def features(self) -> NDArray[np.float32]:
        """These; ValueError where there are none."""
        if self.kept is None:
            raise ValueError("features of the data were not asked for; a metric says so in its needs")
        return self.kept


def write_reference(
    path: Path, statistics: FeatureStatistics, detector: str, features: NDArray[np.float32] | None = None
) -> None:
    """Writes what ``read_reference`` reads; the file is there whole or not at all.

    Args:
        features: of some of the images, (n, F), for metrics that need more than the moments.
    """
    mean, covariance = statistics.mean_and_covariance()
    arrays = {"mu": mean, "sigma": covariance, "num": np.array(statistics.num), "detector": np.array(detector)}
    if features is not None:
        arrays["features"] = features
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def write_features(path: Path, features: NDArray[np.float32], detector: str) -> None:
    """Writes features (n, F) alone, for ``with_features`` to read beside a reference that has none."""
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, features=features, detector=np.array(detector))


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
    path: Path,
    detector: str,
    num_features: int,
    option: str = "model.reference",
    keys: tuple[str, str] = ("mu", "sigma"),
) -> ReferenceStatistics:
    """Reads and checks the reference statistics for a detector of ``num_features`` features.

    Args:
        option: what the user gave ``path`` for, for the messages.
        keys: what the mean and the covariance are called in it; ADM's files have sFID's too.

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
        headers = [_header(file, key) for key in keys]
        found = tuple(header.shape for header in headers)
        if found != expected:
            raise UserError(
                f"{given}: {keys[0]} {found[0]} and {keys[1]} {found[1]} must be {expected[0]} and {expected[1]}, the "
                f"size of {detector}'s features"
            )
        for header in headers:
            if header.dtype.kind not in "fiu":
                raise TypeError(f"it holds {header.dtype}, not numbers")
        mean, covariance = (np.asarray(_array(file, key), np.float64) for key in keys)
    _check_covariance(given, mean, covariance)
    return ReferenceStatistics(mean, covariance, hashlib.sha256(path.read_bytes()).hexdigest())


def with_features(
    reference: ReferenceStatistics,
    path: Path,
    beside: Path | None,
    detector: str,
    option: str = "model.reference",
    beside_option: str = "model.reference_features",
) -> ReferenceStatistics:
    """The reference with the features that its file keeps, or else those of another one; as it is where none does.

    Args:
        path: the reference's own file.
        beside: another one with `features`, as ``write_reference`` and ``write_features`` make it.
        option, beside_option: what the user gave the two for, for the messages.

    Raises:
        UserError: a file is missing, unreadable, another detector's, or its features are no finite numbers of the
            reference's size; the second one has none.
    """
    kept = _read_features(path, detector, len(reference.mean), option)
    if kept is not None or beside is None:
        return replace(reference, kept=kept)
    kept = _read_features(beside, detector, len(reference.mean), beside_option)
    if kept is None:
        raise UserError(f"{beside_option}={beside}: must keep features, as python -m bdia_edm.fid ref --features does")
    return replace(reference, kept=kept, features_checksum=hashlib.sha256(beside.read_bytes()).hexdigest())


def _read_features(path: Path, detector: str, num_features: int, option: str) -> NDArray[np.float32] | None:
    given = f"{option}={path}"
    with _opened(path, option) as file:
        if "features.npy" not in file.namelist():
            return None
        made_for = reference_detector(path, option) or detector
        if made_for != detector:
            raise UserError(f"{given}: made with the detector {made_for}, and this run's is {detector}")
        header = _header(file, "features")
        if len(header.shape) != 2 or header.shape[1] != num_features or not 0 < header.shape[0] <= _MOST_KEPT:
            raise UserError(
                f"{given}: its features {header.shape} must be (n, {num_features}), n from 1 to {_MOST_KEPT:,}"
            )
        if header.dtype != np.float32:
            raise UserError(f"{given}: its features must be float32, they are {header.dtype}")
        features = np.asarray(_array(file, "features"), np.float32)
    if not np.isfinite(features).all():
        raise UserError(f"{given}: its features must be finite")
    return features


@contextmanager
def _opened(path: Path, option: str) -> Iterator[zipfile.ZipFile]:
    """The file; what reading it raises becomes one line."""
    kind = kind_of(path)
    if kind.name == "missing":
        raise UserError(f"{option}={path}: {kind.words}; it must be {_form(option)}")
    if kind.name not in ("npz", "zip"):
        raise UserError(f"{option}={path}: must be {_form(option)}: {kind.words}")
    try:
        with open_plain_zip(path) as file:
            yield file
    except UserError:
        raise
    except Exception as error:  # the parsers of zip and npy raise whatever they stumble over
        raise UserError(f"{option}={path}: must be {_form(option)}: {one_line(error, 200)}") from error


def _form(option: str) -> str:
    """What the file of this option must be."""
    return "an npz with features" if "features" in option else "an npz with mu and sigma"


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
