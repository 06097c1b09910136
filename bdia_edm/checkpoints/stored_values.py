"""Storages, tensors and NumPy numbers as a pickle holds them: inert records, converted once they are known sound.

A storage's bytes are a file of `torch.save` in the format before zip archives: five pickles (magic number, version,
system, storage header, storage keys), the number of values as int64, and the values. They are read here, by the
same machine as the pickle around them, and not by torch.load. The place that they were saved from ('cuda:0') is
ignored: everything ends on the CPU.

A tensor is a view of its storage. One that leaves the storage, or whose axes overlap in it (an expanded tensor is
the extreme), is refused, so that no tensor has more values than the file has.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from bdia_edm.checkpoints.pickle_machine import (
    Budget,
    Buildable,
    DictItems,
    Global,
    MalformedPickle,
    quoted,
    run_pickle,
)

__all__ = [
    "STORAGES",
    "NumpyType",
    "StoredStorage",
    "StoredTensor",
    "after_preamble",
    "numpy_number",
    "read_storage",
    "rebuild_tensor",
]

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_FORMAT_VERSION = 1001
STORAGES: dict[str, np.dtype[np.floating[Any]]] = {
    "torch HalfStorage": np.dtype("<f2"),
    "torch FloatStorage": np.dtype("<f4"),
    "torch DoubleStorage": np.dtype("<f8"),
}
"""Of a network's weights, which end in float32."""
_MOST_AXES = 8
# No objects ('O'), whose bytes NumPy would unpickle; no text, dates or structures.
_NUMPY_NUMBERS = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


@dataclass(frozen=True, slots=True, eq=False)
class StoredStorage:
    """Values as they lie in the file."""

    dtype: np.dtype[Any]
    values: memoryview

    def num_values(self) -> int:
        """Known from the bytes that are there."""
        return len(self.values) // self.dtype.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A view of a storage, in values: sound, by `rebuild_tensor`."""

    storage: StoredStorage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def num_values(self) -> int:
        """At most the storage's."""
        return math.prod(self.size)

    def to_torch(self) -> torch.Tensor:
        """A copy on the CPU, contiguous: float32, of which the bits are kept, or whole numbers as they are."""
        itemsize = self.storage.dtype.itemsize
        # The stride of an axis of length 1 means nothing and may be any number.
        strides = [step * itemsize if length > 1 else 0 for length, step in zip(self.size, self.stride, strict=True)]
        view: np.ndarray = np.ndarray(
            self.size, self.storage.dtype, self.storage.values, self.offset * itemsize, strides
        )
        with np.errstate(all="ignore"):  # a float64 beyond float32's range becomes infinite, as in torch
            dtype = np.float32 if self.storage.dtype.kind == "f" else self.storage.dtype
            return torch.from_numpy(np.array(view, dtype=dtype, order="C"))


class NumpyType(Buildable):
    """A NumPy dtype of one number; the file gives its byte order as its state."""

    __slots__ = ("byte_order", "code")

    def __init__(self, arguments: tuple[object, ...]) -> None:
        code = arguments[0] if arguments else None
        if type(code) is not str or code not in _NUMPY_NUMBERS:
            raise MalformedPickle(f"NumPy dtype {quoted(str(code)) if type(code) is str else ''} is not a number's")
        self.code, self.byte_order = code, "="

    def set_state(self, state: object) -> None:
        """Takes the byte order out of NumPy's state tuple."""
        match state:
            case (int(), ("<" | ">" | "|") as byte_order, None, None, None, *_) if type(state) is tuple:
                self.byte_order = byte_order
            case _:
                raise MalformedPickle("a NumPy dtype has a state that no number's has")


@dataclass(frozen=True, slots=True, eq=False)
class _StorageHeader:
    dtype: np.dtype[np.floating]
    key: str
    num_values: int


def numpy_number(arguments: tuple[object, ...]) -> bool | int | float:
    """A NumPy scalar (dtype, bytes) as a Python number."""
    match arguments:
        case (NumpyType() as kind, memoryview() as value):
            dtype = np.dtype(kind.byte_order + kind.code)
            if len(value) != dtype.itemsize:
                raise MalformedPickle(f"a NumPy scalar of type {kind.code} has {len(value)} bytes")
            return np.frombuffer(value, dtype)[0].item()
    raise MalformedPickle("a NumPy scalar is not made of a dtype and bytes")


def after_preamble(data: memoryview, budget: Budget) -> int:
    """Where what torch.save wrote before zip archives begins: behind magic number, version and system.

    Raises:
        MalformedPickle: these are others.
    """
    magic, position = run_pickle(data, 0, {}, budget)
    version, position = run_pickle(data, position, {}, budget)
    system, position = run_pickle(data, position, {}, budget)
    if magic != _MAGIC_NUMBER or version != _FORMAT_VERSION:
        raise MalformedPickle("it is not in torch's format before zip archives")
    if type(system) is not DictItems or ("little_endian", True) not in system:
        raise MalformedPickle("its values are not little-endian")
    return position


def read_storage(data: memoryview, budget: Budget) -> StoredStorage:
    """The one storage in a file of torch.save, of which no value is copied.

    Raises:
        MalformedPickle: the data are anything else, or more than that.
    """
    position = after_preamble(data, budget)
    header, position = run_pickle(data, position, dict.fromkeys(STORAGES), budget, _storage_header)
    keys, position = run_pickle(data, position, {}, budget)
    if type(header) is not _StorageHeader or keys != [header.key]:
        raise MalformedPickle("the bytes of a storage do not hold exactly one")
    if len(data) - position < 8:
        raise MalformedPickle("a storage is cut short")
    (count,) = struct.unpack_from("<q", data, position)
    values = data[position + 8 :]
    if count != header.num_values or len(values) != count * header.dtype.itemsize:
        raise MalformedPickle(f"a storage of {header.num_values} values says {count} and has {len(values)} bytes")
    return StoredStorage(header.dtype, values)


def rebuild_tensor(arguments: tuple[object, ...]) -> StoredTensor:
    """The tensor (storage, offset, size, stride, requires_grad, hooks, and from torch 2 on metadata).

    Raises:
        MalformedPickle: it is not a view that stays in its storage and meets no value twice.
    """
    match arguments:
        case (StoredStorage() as storage, offset, tuple(size), tuple(stride), _, _, *more) if len(more) <= 1:
            numbers = (offset, *size, *stride)
        case _:
            raise MalformedPickle("a tensor is not made of a storage, an offset, a size and strides")
    if len(size) != len(stride) or len(size) > _MOST_AXES:
        raise MalformedPickle(f"a tensor has {len(size)} axes and {len(stride)} strides")
    if any(type(number) is not int or number < 0 for number in numbers) or 0 in size:
        raise MalformedPickle("a tensor's offset, size and strides are not all whole numbers, the size positive")
    start, *rest = cast(tuple[int, ...], numbers)
    sizes, strides = tuple(rest[: len(size)]), tuple(rest[len(size) :])
    reach = 0
    for step, length in sorted(zip(strides, sizes, strict=True)):
        # From the innermost axis outwards: each must step over all that those inside it reach.
        if length > 1 and step <= reach:
            raise MalformedPickle("a tensor's axes overlap in its storage")
        reach += step * (length - 1)
    if start + reach >= storage.num_values():
        raise MalformedPickle(f"a tensor reaches value {start + reach} of a storage of {storage.num_values()}")
    return StoredTensor(storage, start, sizes, strides)


def _storage_header(identity: tuple[object, ...]) -> _StorageHeader:
    match identity:
        # The last is the storage that this one is a view of, from before torch 0.4.
        case ("storage", Global(name), str(key), _, int(num_values), None):
            return _StorageHeader(STORAGES[name], key, num_values)
    raise MalformedPickle("a persistent id in a storage is not a storage's")
