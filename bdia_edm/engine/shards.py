"""Shards: what a finished block leaves on disk.

A shard is written under a temporary name and renamed, so it is there whole or not at all. It carries the identity of
its run and a checksum, so that a damaged or foreign one is found and made again.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bdia_edm.base.errors import DamagedError
from bdia_edm.base.whole_files import written_whole

__all__ = ["BlockResults", "Shard", "ShardError", "read_shard", "write_shard"]


class ShardError(DamagedError):
    """The file is not the shard that it should be; the message says how."""


class BlockResults(Protocol):
    """The results of one block: a dataclass of arrays, whole numbers and floats.

    Attributes:
        labels: (n,) int64 class indices, -1 for an unconditional network.
        per_image: the names of the arrays that have an entry for every image of the block.
    """

    per_image: ClassVar[tuple[str, ...]]

    @property
    def labels(self) -> NDArray[np.int64]: ...

    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=BlockResults)


@dataclass(frozen=True)
class Shard:
    """The results of one block of n sampled images.

    Attributes:
        features: (n, F) float32; F = 0 without a detector.
        logits: (n, K) float32; K = 0 where no metric needs them.
        preview: (m, H, W, C) uint8, the images among the run's first few.
        labels: (n,) int64 class indices, -1 for an unconditional network.
        evaluations: of the denoiser, summed over the images.
        seconds: what sampling and features took, without the ODE's fine solutions.
        ode_errors: (n,) float64, of each image the mean square over its pixels of its difference from the ODE's fine
            solution; (0,) where no metric needs it.
    """

    features: NDArray[np.float32]
    logits: NDArray[np.float32]
    preview: NDArray[np.uint8]
    labels: NDArray[np.int64]
    evaluations: int
    seconds: float
    ode_errors: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    per_image: ClassVar[tuple[str, ...]] = ("features", "logits", "labels")


def write_shard(path: Path, shard: BlockResults, identity: str) -> None:
    """Writes the shard of the run ``identity`` to ``path``, which then is on the disk whole."""
    arrays = _arrays(shard)
    with written_whole(path, durable=True) as partial, partial.open("wb") as file:
        np.savez(file, identity=np.array(identity), checksum=np.array(_checksum(arrays, identity)), **arrays)


def read_shard(path: Path, identity: str, num: int, kind: type[R]) -> R:
    """Reads the shard of ``num`` images that the run ``identity`` wrote.

    Args:
        kind: of the results in it.

    Raises:
        FileNotFoundError: there is none.
        ShardError: it is damaged, or another run's.
    """
    try:
        with _regular(path) as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        arrays = {name: found[name] for name in (each.name for each in fields(kind))}
        foreign = str(found["identity"]) != identity
        damaged = str(found["checksum"]) != _checksum(arrays, str(found["identity"]))
    except FileNotFoundError:
        raise
    except Exception as error:  # of a damaged npz NumPy's reader raises whatever it stumbles over
        raise ShardError(f"unreadable ({type(error).__name__})") from error
    if damaged:
        raise ShardError("its checksum does not fit")
    if foreign:
        raise ShardError("it is another run's")
    for name in kind.per_image:
        if len(arrays[name]) != num:
            raise ShardError(f"it holds {len(arrays[name])} images instead of {num}")
    return kind(**{name: array if array.ndim else array.item() for name, array in arrays.items()})


@contextmanager
def _regular(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading; what else can lie there, such as a FIFO, may never end or begin."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ShardError("no regular file")
        yield file


def _arrays(results: BlockResults) -> dict[str, Any]:
    return {each.name: np.asarray(getattr(results, each.name)) for each in fields(results)}


def _checksum(arrays: dict[str, Any], identity: str) -> str:
    digest = hashlib.sha256(identity.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
