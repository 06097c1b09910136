"""Writes EDM checkpoints, genuine and not, piece by piece.

A checkpoint is the pickle of calls (`Call`) of functions of NVIDIA's and torch's that need not exist here: what
pickles by name is only registered while it is written. Where no Python object pickles as wanted, opcodes are put
together by hand (`Raw`); they may write the memo from index `FREE` on, in protocols below 4.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from bdia_edm.models.preconditioning import EDMPrecond

Store = Callable[[str, torch.Tensor], object]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
# As long as what is never decoded; quickly executed by the loader that shows the attacks to work.
SOURCE = "class Linear: ...\n" + "# more of it\n" * 550

INIT_KWARGS: dict[str, Any] = {
    "img_resolution": 4,
    "img_channels": 1,
    "label_dim": 2,
    "model_type": "SongUNet",
    "model_channels": 4,
    "channel_mult": [1],
    "num_blocks": 1,
    "attn_resolutions": [],
    "dropout": 0.1,
    "embedding_type": "fourier",
    "augment_dim": 3,
    "use_fp16": False,
}


def _named(module: str, name: str) -> Any:
    """Something that pickles as the global 'module name'."""

    def named(*arguments: object) -> None: ...

    named.__module__, named.__qualname__, named.__name__ = module, name, name
    return named


RECONSTRUCT = _named("torch_utils.persistence", "_reconstruct_persistent_obj")
OLD_SCALAR = _named("numpy.core.multiarray", "scalar")


class EasyDict(dict[str, Any]):
    """NVIDIA's dict."""


EasyDict.__module__ = "dnnlib.util"


class Call:
    """Pickles as a call of ``function`` with these arguments."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.function, self.arguments


class Raw:
    """Pickles as these opcodes, which must leave one value on the stack."""

    def __init__(self, opcodes: bytes) -> None:
        self.opcodes = opcodes


class _Pickler(pickle._Pickler):  # the one in Python, whose `save` can be overridden
    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Raw):
            self.write(obj.opcodes)
        else:
            super().save(obj, save_persistent_id)


@contextmanager
def _registered() -> Iterator[None]:
    """NVIDIA's and older NumPy's modules, as far as pickling a name looks at them."""
    before = dict(sys.modules)
    for function in (RECONSTRUCT, OLD_SCALAR, EasyDict):
        module = ModuleType(function.__module__)
        setattr(module, function.__name__, function)
        sys.modules[module.__name__] = module
    for package in ("torch_utils", "dnnlib"):
        sys.modules[package] = ModuleType(package)
    try:
        yield
    finally:
        for name in set(sys.modules) - set(before):
            del sys.modules[name]
        sys.modules.update(before)


def dumps(value: object, protocol: int = 3) -> bytes:
    file = io.BytesIO()
    with _registered():
        _Pickler(file, protocol).dump(value)
    return file.getvalue()


def storage_file(
    values: np.ndarray | bytes,
    *,
    kind: object = torch.FloatStorage,
    location: str = "cpu",
    numel: object = None,
    count: int | None = None,
    key: str = "94532110",
    keys: object = None,
    view: object = None,
    magic: object = MAGIC_NUMBER,
    version: object = 1001,
    system: object = SYSTEM,
    trailing: bytes = b"",
) -> bytes:
    """A storage in torch.save's format before zip archives; what is given replaces what is true."""
    length = len(values)
    header = ("storage", kind, key, location, length if numel is None else numel, view)

    class Pickler(pickle._Pickler):
        def persistent_id(self, obj: Any) -> Any:
            return header if obj is header else None

    file = io.BytesIO()
    for part in (magic, version, system):
        pickle.dump(part, file, 2)
    # The header itself is pickled as a tuple that follows: what is in it has no persistent id of its own.
    Pickler(file, 2).dump(header)
    pickle.dump([key] if keys is None else keys, file, 2)
    data = values if isinstance(values, bytes) else values.tobytes()
    return file.getvalue() + struct.pack("<q", length if count is None else count) + data + trailing


def stored(data: bytes) -> Call:
    """A storage whose file is ``data``."""
    return Call(torch.storage._load_from_bytes, data)


def tensor(storage: object, size: object, stride: object, offset: object = 0) -> Call:
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())


def array(values: np.ndarray, **storage: Any) -> Call:
    """A contiguous tensor of these values."""
    strides = tuple(step // values.itemsize for step in values.strides)
    return tensor(stored(storage_file(values.ravel(), **storage)), values.shape, strides)


def module(class_name: object, state: object, source: object = SOURCE, **meta: object) -> Call:
    """A module as NVIDIA's program stores it."""
    fields = {"type": "class", "version": 6, "module_src": source, "class_name": class_name, "state": state}
    return Call(RECONSTRUCT, {**fields, **meta})


def state_of(parameters: object, buffers: object, modules: object, **more: object) -> dict[str, object]:
    """A torch.nn.Module's `__dict__`, near enough."""
    return {
        "training": False,
        "_parameters": parameters,
        "_buffers": buffers,
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": OrderedDict(),
        "_is_full_backward_hook": None,
        "_modules": modules,
        **more,
    }


def as_torch_stores(name: str, values: torch.Tensor) -> object:
    return values


def tree(
    network: nn.Module,
    init_kwargs: object,
    store: Store = as_torch_stores,
    init_args: object = (),
    source: object = SOURCE,
) -> Call:
    """The network as calls; ``store`` makes each tensor, by its full name, into what is pickled."""

    def state(inner: nn.Module, prefix: str, **more: object) -> dict[str, object]:
        def tensors(group: dict[str, Any]) -> dict[str, object]:
            return {name: None if t is None else store(prefix + name, t) for name, t in group.items()}

        modules = {name: convert(child, f"{prefix}{name}.") for name, child in inner._modules.items()}
        return state_of(tensors(inner._parameters), tensors(inner._buffers), modules, **more)

    def convert(inner: nn.Module | None, prefix: str) -> object:
        if inner is None:
            return None
        if not isinstance(inner, nn.ModuleDict):
            return module(type(inner).__name__, state(inner, prefix, _init_args=(), _init_kwargs={}), source)
        plain = nn.ModuleDict()
        plain.__dict__.update(state(inner, prefix))
        return plain

    top = state(network, "", _init_args=init_args, _init_kwargs=init_kwargs)
    return module(type(network).__name__, top, source)


def checkpoint(ema: object, **entries: object) -> dict[str, object]:
    """The dict that a checkpoint's file is the pickle of."""
    kwargs = {"class_name": "training.dataset.ImageFolderDataset", "path": "tiny.zip", "use_labels": True}
    return {"ema": ema, "loss_fn": None, "augment_pipe": None, "dataset_kwargs": kwargs, **entries}


@cache
def network() -> EDMPrecond:
    """The network in every file that is written here."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EDMPrecond(**INIT_KWARGS)


def ema(replaced: dict[str, object] | None = None, *, source: object = SOURCE, **kwargs: object) -> Call:
    """The network as a checkpoint stores it, with some tensors or arguments replaced."""
    tensors = replaced or {}
    return tree(network(), {**INIT_KWARGS, **kwargs}, lambda name, values: tensors.get(name, values), source=source)


def genuine(protocol: int = 3) -> bytes:
    return dumps(checkpoint(ema()), protocol)


# Opcodes.

FREE = 1_000_000


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def binary(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def named(name: str) -> bytes:
    """The global 'module name'."""
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


def put(index: int) -> bytes:
    return b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    return b"j" + struct.pack("<I", index)
