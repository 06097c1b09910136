"""Weights that torch.save wrote, and TorchScript files.

A file of weights is a pickle, and is read by the machine that reads EDM's (``pickle_machine``), within the same limits:
nothing in it runs. It has two forms: a zip of the pickle and of each storage's bytes; and, before torch 1.6, pickles
(magic number, version, system, the weights, the storages' keys) with the storages behind them, each its number of
values as int64 and the values.

A TorchScript file is a program. Loading it runs no Python, but its own operators can write files, and no search of its
code finds all the ways to say that; so it is read only where its SHA-256 is given.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.lines import one_line
from bdia_edm.base.plain_zip import open_plain_zip
from bdia_edm.checkpoints.building import MOST_TENSORS
from bdia_edm.checkpoints.pickle_machine import (
    Budget,
    Buildable,
    Constructor,
    DictItems,
    Global,
    MalformedPickle,
    run_pickle,
)
from bdia_edm.checkpoints.stored_values import STORAGES, StoredStorage, StoredTensor, after_preamble, rebuild_tensor

__all__ = ["read_state_dict", "read_torchscript"]

_LONGEST_PICKLE = 16 << 20
# Batch norms count their batches.
_STORAGES: dict[str, np.dtype[Any]] = {**STORAGES, "torch LongStorage": np.dtype("<i8")}


class _StateDict(DictItems, Buildable):
    """An ordered dict; that of a network has versions of its modules as an attribute, which say nothing here."""

    __slots__ = ()

    def set_state(self, state: object) -> None:
        if type(state) is not DictItems:
            raise MalformedPickle("the state of an ordered dict is no dict")


Storage = Callable[[str, str, int], StoredStorage]
"""Gives the storage of this kind, key and number of values."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors by name, on the CPU: float32, or int64.

    Raises:
        UserError: the file is missing, unreadable, or anything but tensors by name.
    """
    kind = kind_of(path)
    if kind.name == "missing":
        raise UserError(f"{path}: {kind.words}; weights that torch.save wrote are needed")
    if kind.name not in ("torch", "torch_before_1.6"):
        raise UserError(f"{path}: not a file of weights: {kind.words}; weights that torch.save wrote are needed")
    size = path.stat().st_size
    budget = Budget(steps=500_000, bytes_of_text=8 << 20, bytes_of_weights=2 * size + (16 << 20), weights=MOST_TENSORS)
    try:
        items = _read_zip(path, budget) if kind.name == "torch" else _read_before_1_6(path, budget)
        return _tensors(items, budget)
    except MalformedPickle as error:
        raise UserError(f"{path}: not a file of weights: {error}") from error
    except UserError:
        raise
    except Exception as error:  # whatever a damaged zip ends in
        raise UserError(f"{path}: not a file of weights: {one_line(error)}") from error


def _read_zip(path: Path, budget: Budget) -> object:
    with open_plain_zip(path) as archive:
        (pickled,) = (name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl")
        if archive.getinfo(pickled).file_size > _LONGEST_PICKLE:
            raise MalformedPickle(f"its data.pkl is longer than {_LONGEST_PICKLE} bytes")
        read: dict[str, StoredStorage] = {}

        def storage(kind: str, key: str, num_values: int) -> StoredStorage:
            if key not in read:
                entry = archive.getinfo(f"{pickled.removesuffix('data.pkl')}data/{key}")
                budget.spend("bytes_of_weights", entry.file_size)
                read[key] = _sound(kind, key, num_values, memoryview(archive.read(entry)))
            return read[key]

        return _run(memoryview(archive.read(pickled)), 0, budget, storage)[0]


def _read_before_1_6(path: Path, budget: Budget) -> object:
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    position = after_preamble(data, budget)
    sizes: dict[str, int] = {}

    def measured(kind: str, key: str, num_values: int) -> StoredStorage:
        # Any bytes of the right number: the storages stand behind the end that is looked for.
        sizes[key] = num_values * _STORAGES[kind].itemsize
        return _sound(kind, key, num_values, data[: sizes[key]])

    keys, after = run_pickle(data, _run(data, position, budget, measured)[1], {}, budget)
    if type(keys) is not list or len(keys) != len(sizes) or any(key not in sizes for key in keys):
        raise MalformedPickle("its storages are not those that its tensors name")
    found: dict[str, memoryview] = {}
    for key in keys:
        # The number of values comes first; the header said it too.
        found[key] = data[after + 8 : after + 8 + sizes[key]]
        after += 8 + sizes[key]

    def storage(kind: str, key: str, num_values: int) -> StoredStorage:
        return _sound(kind, key, num_values, found[key])

    return _run(data, position, budget, storage)[0]


def _sound(kind: str, key: str, num_values: int, values: memoryview) -> StoredStorage:
    dtype = _STORAGES[kind]
    if num_values < 0 or len(values) != num_values * dtype.itemsize:
        raise MalformedPickle(f"storage {key[:20]!a} of {num_values} values has {len(values)} bytes")
    return StoredStorage(dtype, values)


def _run(data: memoryview, position: int, budget: Budget, storage: Storage) -> tuple[object, int]:
    def persistent(identity: tuple[object, ...]) -> StoredStorage:
        match identity:
            # Before torch 1.6 a last item says which storage this one is a view of: none, in what is read here.
            case ("storage", Global(kind), str(key), _, int(num_values), *view) if kind in _STORAGES and view in (
                [],
                [None],
            ):
                return storage(kind, key, num_values)
        raise MalformedPickle("a persistent id is not a storage's")

    def ordered_dict(arguments: tuple[object, ...]) -> _StateDict:
        if arguments:
            raise MalformedPickle("an ordered dict is made of values")
        return _StateDict()

    def parameter(arguments: tuple[object, ...]) -> StoredTensor:
        if len(arguments) != 3 or type(arguments[0]) is not StoredTensor:
            raise MalformedPickle("a parameter is not made of a tensor")
        return arguments[0]

    constructors: dict[str, Constructor | None] = {
        **dict.fromkeys(_STORAGES),
        "collections OrderedDict": ordered_dict,
        "torch._utils _rebuild_tensor_v2": rebuild_tensor,
        "torch._utils _rebuild_parameter": parameter,
    }
    return run_pickle(data, position, constructors, budget, persistent)


def _tensors(items: object, budget: Budget) -> dict[str, Tensor]:
    if not isinstance(items, DictItems) or not all(type(k) is str and type(v) is StoredTensor for k, v in items):
        raise MalformedPickle("it must hold tensors by name (a state dict), it holds something else")
    tensors: dict[str, Tensor] = {}
    for name, tensor in items:
        assert type(name) is str
        assert type(tensor) is StoredTensor
        budget.spend("weights")
        budget.spend("bytes_of_weights", 4 * tensor.num_values())
        tensors[name] = tensor.to_torch()
    return tensors


def read_torchscript(path: Path, sha256: str, device: torch.device) -> torch.jit.ScriptModule:
    """The scripted network on ``device``, in evaluation mode.

    Args:
        sha256: the checksum of the one file that is trusted.

    Raises:
        UserError: the file is missing, another one, or no TorchScript file.
    """
    kind = kind_of(path)
    if kind.name == "missing":
        raise UserError(f"{path}: {kind.words}; a TorchScript file is needed")
    if kind.name in ("html", "lfs", "empty"):
        raise UserError(f"{path}: not a TorchScript file: {kind.words}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        raise UserError(f"{path}: its sha256 is {found}, and the one that may be run has {sha256}")
    try:
        with warnings.catch_warnings():
            # PyTorch discourages making new TorchScript files; these are what is published.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            # From the bytes that were verified: the file could be another by now.
            return torch.jit.load(io.BytesIO(content), map_location=device).eval()
    except Exception as error:  # whatever a damaged file ends in
        raise UserError(f"{path}: not a TorchScript file: {one_line(error)}") from error
