"""What is kept beside a record so that its distances can be compared with another run's of the same seeds, at any time.

An npz: `seeds`, the text of the record; `figures`, their names, with `distances`, `num_features` and `num_images` of
each; and of the figure k `influence_k` (N,), an image's number each, none where the jackknife alone serves, and
`without_group_k` (g,), the distances without each group of images, none where there are images enough. In float64,
400 kB for 50,000 images: of two runs that are nearly the same, float32 would leave the difference with no digits.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.npy_header import read_npy_header
from bdia_edm.base.whole_files import written_whole
from bdia_edm.records.run_folder import RunFolder

__all__ = ["KeptDistance", "KeptUncertainty", "read_uncertainty", "write_uncertainty"]

Float64 = NDArray[np.float64]
_MOST_KEPT = 64 << 20
"""Bytes of files whose numbers stay in memory: a baseline's are asked for again for every row beside it."""


@dataclass(frozen=True)
class KeptDistance:
    """A distance with what its uncertainty is computed from.

    Attributes:
        distance: as in the record.
        num_features: F, that it was measured in.
        num_images: N, that it was measured of.
        influence: (N,) the images' numbers, in the seeds' order; (0,) where the jackknife alone serves.
        without_group: (g,) the distances without each group of images; (0,) where the influence serves.
    """

    distance: float
    num_features: int
    num_images: int
    influence: Float64
    without_group: Float64


@dataclass(frozen=True)
class KeptUncertainty:
    """That of a run.

    Attributes:
        seeds: as in the record.
        distances: by the figures' names in the record.
    """

    seeds: str
    distances: Mapping[str, KeptDistance]


def write_uncertainty(folder: Path, kept: KeptUncertainty) -> None:
    """Writes the file into the run's folder, whole or not at all."""
    each = kept.distances.values()
    arrays: dict[str, Any] = {
        "seeds": np.array(kept.seeds),
        "figures": np.array([*kept.distances], str),
        "distances": np.array([one.distance for one in each]),
        "num_features": np.array([one.num_features for one in each]),
        "num_images": np.array([one.num_images for one in each]),
    }
    arrays |= {f"influence_{k}": one.influence for k, one in enumerate(each)}
    arrays |= {f"without_group_{k}": one.without_group for k, one in enumerate(each)}
    with written_whole(RunFolder(folder).uncertainty, durable=True) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


class _InMemory:
    """What was read already, by the file, when it was changed and its size: a run that is made anew has another."""

    def __init__(self) -> None:
        self._found: dict[tuple[Path, int, int], KeptUncertainty] = {}
        self._num_bytes = 0

    def read(self, path: Path) -> KeptUncertainty:
        state = path.stat()
        key = path, state.st_mtime_ns, state.st_size
        if key in self._found:
            return self._found[key]
        found = _read(path)
        if self._num_bytes + state.st_size <= _MOST_KEPT:
            self._found[key] = found
            self._num_bytes += state.st_size
        return found


_in_memory = _InMemory()


def read_uncertainty(folder: Path) -> KeptUncertainty | None:
    """What was kept in the run's folder; None where nothing was, as by earlier versions.

    Raises:
        UserError: the file is damaged.
    """
    path = RunFolder(folder).uncertainty
    if not path.is_file():
        return None
    try:
        return _in_memory.read(path)
    except Exception as error:  # of a damaged npz NumPy's reader raises whatever it stumbles over
        reason = one_line(getattr(error, "strerror", None) or error)
        raise UserError(f"{path}: not readable ({reason}); without it there is no interval") from error


def _read(path: Path) -> KeptUncertainty:
    with zipfile.ZipFile(path) as packed:
        # As it was written: what is not packed takes no more memory than the file.
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in packed.infolist()):
            raise ValueError("it is packed")
        file = {name: _array(packed, name) for name in packed.namelist()}
    distances = {
        str(name): KeptDistance(
            float(file["distances.npy"][k]),
            int(file["num_features.npy"][k]),
            # Earlier versions had a number of every image.
            int(file["num_images.npy"][k]) if "num_images.npy" in file else len(file[f"influence_{k}.npy"]),
            _numbers(file[f"influence_{k}.npy"]),
            _numbers(file[f"without_group_{k}.npy"]),
        )
        for k, name in enumerate(file["figures.npy"])
    }
    return KeptUncertainty(str(file["seeds.npy"]), distances)


def _array(packed: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with packed.open(name) as stream:
        header = read_npy_header(stream)
        if len(header.shape) > 1 or header.dtype.hasobject:
            raise ValueError(f"{name}: must be a row of numbers or texts")
        values = stream.read()
    return np.ndarray(header.shape, header.dtype, values)


def _numbers(values: NDArray[np.float64]) -> Float64:
    if values.ndim != 1 or values.dtype != np.float64 or not np.isfinite(values).all():
        raise ValueError("it must hold rows of finite float64 numbers")
    return values
