"""Storages, tensors and NumPy numbers, against what torch and NumPy make of the same bytes."""

from __future__ import annotations

import io
import itertools
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from bdia_edm.checkpoints.pickle_machine import Budget, MalformedPickle
from bdia_edm.checkpoints.stored_values import (
    NumpyType,
    StoredStorage,
    numpy_number,
    read_storage,
    rebuild_tensor,
)
from tests.pickle_writer import storage_file


def read(data: bytes) -> StoredStorage:
    return read_storage(memoryview(data), Budget(steps=1000, bytes_of_text=10_000))


def saved(tensor: torch.Tensor) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():  # torch's own, of what it saves tensors with
        warnings.simplefilter("ignore")
        torch.save(tensor.storage(), file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_storage_is_what_torch_saved(dtype: torch.dtype) -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    storage = read(saved(values))
    assert storage.num_values() == 1000
    tensor = rebuild_tensor((storage, 0, (1000,), (1,), False, None)).to_torch()
    assert tensor.dtype == torch.float32
    assert torch.equal(tensor, values.float())


def test_the_writer_of_these_tests_writes_what_torch_reads() -> None:
    values = np.arange(5, dtype=np.float32)
    storage = torch.load(io.BytesIO(storage_file(values)), weights_only=True)
    assert list(storage) == list(values)


@pytest.mark.parametrize("location", ["cuda:0", "cuda", "mps", "nowhere at all"])
def test_a_storage_s_place_is_ignored(location: str) -> None:
    storage = read(storage_file(np.arange(5, dtype=np.float32), location=location))
    tensor = rebuild_tensor((storage, 0, (5,), (1,), False, None, {})).to_torch()
    assert tensor.device.type == "cpu"
    assert tensor.tolist() == [0, 1, 2, 3, 4]


def test_float32_keeps_its_bits() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    bits[:4] = 0x7F800001, 0xFFC12345, 0x80000000, 1  # NaNs, minus zero, the least number
    tensor = rebuild_tensor((read(storage_file(bits.view(np.float32))), 0, (100_000,), (1,), False, None)).to_torch()
    assert np.array_equal(tensor.numpy().view(np.uint32), bits)


def test_float64_beyond_float32_is_infinite() -> None:
    storage = read(storage_file(np.array([1e300, -1e300, 0.1]), kind=torch.DoubleStorage))
    tensor = rebuild_tensor((storage, 0, (3,), (1,), False, None)).to_torch()
    assert tensor.tolist() == [math.inf, -math.inf, float(np.float32(0.1))]


def test_views_are_torch_s_or_refused() -> None:
    """Every size up to 3×3×2, stride up to 6 and two offsets, against the values that each index meets."""
    numbers = np.arange(12, dtype=np.float32)
    storage, values = read(storage_file(numbers)), torch.from_numpy(numbers)
    taken = 0
    for size in itertools.product((1, 2, 3), (1, 3), (1, 2)):
        for stride in itertools.product(range(7), (0, 1, 3, 4), (0, 1, 2, 6)):
            for offset in (0, 5):
                indices = [offset + int(np.dot(i, stride)) for i in itertools.product(*map(range, size))]
                sound = max(indices) < 12 and len(set(indices)) == len(indices)
                try:
                    tensor = rebuild_tensor((storage, offset, size, stride, False, None)).to_torch()
                except MalformedPickle:
                    # Interleaved axes meet no value twice; no slicing or transposing makes them, and they may go.
                    contiguous = stride == torch.empty(size).stride()
                    assert not (sound and contiguous)
                    continue
                taken += 1
                assert sound
                assert torch.equal(tensor, values.as_strided(size, stride, offset))
                assert tensor.is_contiguous()
    assert taken > 300


def test_what_slices_and_transposes_give_is_taken() -> None:
    whole = torch.randn(4, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    storage = read(saved(whole))
    for axes in itertools.permutations(range(4)):
        view = whole[1:3, ::2, :, 6:].permute(axes)
        arguments = (storage, view.storage_offset(), tuple(view.shape), view.stride(), True, None)
        assert torch.equal(rebuild_tensor(arguments).to_torch(), view)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1),
        np.float32(0.1),
        np.float16(0.1),
        np.int64(-7),
        np.uint8(200),
        np.bool_(True),
        np.float64(np.inf),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_numpy_numbers_are_python_s(value: Any, order: str) -> None:
    dtype = value.dtype.newbyteorder(order)
    _, arguments, state = dtype.__reduce__()
    kind = NumpyType(arguments)
    kind.set_state(state)
    number = numpy_number((kind, memoryview(np.array(value, dtype).tobytes())))
    assert type(number) is type(value.item())
    assert number == value


def test_numpy_objects_are_refused() -> None:
    for dtype in ("O", "O8", "U3", "S3", "V8", "M8", "f8,O", "c16", "g"):
        with pytest.raises(MalformedPickle, match="NumPy dtype"):
            NumpyType((dtype, False, True))
    kind = NumpyType(("f8", False, True))
    with pytest.raises(MalformedPickle, match="state"):
        kind.set_state((3, "<", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 16))
    with pytest.raises(MalformedPickle, match="bytes"):
        numpy_number((kind, memoryview(pickle.dumps(1))))
