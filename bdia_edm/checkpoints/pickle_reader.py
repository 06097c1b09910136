"""Networks in the pickles that NVIDIA released for EDM, read without running anything that is in them.

A checkpoint is a dict whose 'ema' is the network. NVIDIA's modules are stored as calls of one function of theirs,
with the module's source text, which their loader executes, and the module's `__dict__`. Of these calls only the
class's name and the `__dict__` are kept; the source text is not even decoded. What the network is built from and
its weights, walked by name, are all that leaves this module.

The guarantee: whatever the file holds, `read_pickle` gives a network that its own arguments build and its weights
fit, or raises one `CheckpointError`; no code runs that is not this project's; the time taken is seconds and the
memory below four times the file's size and 200 MB. It rests on `pickle_machine`, which knows no way to import or to
call; on the table of globals below, each with a constructor of inert data; and on the limits of `_budget`, which
count what every step costs, whatever is shared inside the file.

A pickle has no checksum: a changed byte inside a weight is a changed weight.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.checkpoints.building import MOST_TENSORS, build_empty
from bdia_edm.checkpoints.pickle_machine import (
    Budget,
    Buildable,
    Constructor,
    DictItems,
    LongText,
    MalformedPickle,
    SetItems,
    quoted,
    run_pickle,
)
from bdia_edm.checkpoints.safetensors_file import StoredNetwork
from bdia_edm.checkpoints.stored_values import NumpyType, StoredTensor, numpy_number, read_storage, rebuild_tensor
from bdia_edm.models.preconditioning import PRECONDITIONINGS

__all__ = ["CheckpointError", "read_pickle"]

# The arguments that all four preconditionings take first, in their order.
_POSITIONAL = ("img_resolution", "img_channels", "label_dim", "use_fp16")
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_DEEPEST_MODULE = 32
# Far above any network's settings, and low enough for whatever a constructor does with them.
_LARGEST_SETTING = 32_768
_LONGEST_SETTING = 64
_BEYOND_LATIN_1 = re.compile(rb"[\xc4-\xff]")


class CheckpointError(UserError):
    """A checkpoint that cannot be read, is damaged, or asks for what no checkpoint needs."""


class _StoredModule(Buildable):
    """A module's class and, once it is known, its `__dict__`."""

    __slots__ = ("class_name", "state")

    def __init__(self, class_name: str, state: DictItems | None = None) -> None:
        self.class_name, self.state = class_name, state

    def set_state(self, state: object) -> None:
        if self.state is not None or type(state) is not DictItems:
            raise MalformedPickle(f"the state of a {quoted(self.class_name)} is not one dict")
        self.state = state


def read_pickle(path: Path) -> StoredNetwork:
    """The network under 'ema' in an EDM checkpoint: class, arguments, and weights as float32 tensors on the CPU.

    Float32 weights keep their bits; float16 and float64 ones are converted.

    Raises:
        CheckpointError: the file is missing or damaged, or anything in it is not allowed, which is named.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; an EDM checkpoint (.pkl) is needed")
    try:
        return _read_network(memoryview(path.read_bytes()))
    except MalformedPickle as error:
        raise CheckpointError(f"{path}: not read as an EDM checkpoint: {error}") from error
    except Exception as error:  # one exception is what callers are promised, whatever was overlooked above
        raise CheckpointError(f"{path}: not a readable EDM checkpoint ({type(error).__name__})") from error


def _budget(file_size: int) -> Budget:
    """The limits: the reference pickle takes 190 steps a tensor, the largest released network has 553 tensors.

    A step leaves at most 200 bytes behind, text at most four times its bytes, and float16 weights double. With the
    file itself and the bytes of encoded text that is at most four times the file's size and 150 MB.
    """
    return Budget(
        steps=500_000,
        bytes_of_text=8 << 20,
        bytes_of_encoded_text=file_size,
        bytes_of_weights=2 * file_size + (16 << 20),
        weights=MOST_TENSORS,
    )


def _read_network(data: memoryview) -> StoredNetwork:
    budget = _budget(len(data))
    checkpoint, end = run_pickle(data, 0, _constructors(budget), budget)
    if end != len(data):
        raise MalformedPickle(f"{len(data) - end} bytes follow its end")
    network = _table(checkpoint, "the checkpoint", budget).get("ema")
    if type(network) is not _StoredModule:
        raise MalformedPickle("it is not a dict with a network under 'ema'")
    if network.class_name not in PRECONDITIONINGS:
        known = ", ".join(PRECONDITIONINGS)
        raise MalformedPickle(f"its network is a {quoted(network.class_name)}, which is none of {known}")
    tensors: dict[str, StoredTensor] = {}
    _collect(network, "", tensors, budget, _DEEPEST_MODULE)
    init_kwargs = _init_kwargs(_table(network.state, "the network", budget), budget)
    _check_fit(network.class_name, init_kwargs, tensors)
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        budget.spend("bytes_of_weights", 4 * tensor.num_values())
        weights[name] = tensor.to_torch()
    return StoredNetwork("denoiser", network.class_name, init_kwargs, weights, {})


def _constructors(budget: Budget) -> dict[str, Constructor | None]:
    """Every global that a checkpoint may name, and what a call of it makes."""

    def module(arguments: tuple[object, ...]) -> _StoredModule:
        (items,) = _arguments(arguments, 1, "a stored module")
        entries = _table(items, "a stored module", budget)
        class_name, state = entries.get("class_name"), entries.get("state")
        if entries.get("type") != "class" or type(class_name) is not str or type(state) is not DictItems:
            raise MalformedPickle("a stored module is not a class with a name and a state")
        return _StoredModule(class_name, state)

    def empty_dict(arguments: tuple[object, ...]) -> DictItems:
        _arguments(arguments, 0, "a dict")
        return DictItems()

    def module_dict(arguments: tuple[object, ...]) -> _StoredModule:
        _arguments(arguments, 0, "a ModuleDict")
        return _StoredModule("ModuleDict")

    def set_of(arguments: tuple[object, ...]) -> SetItems:
        (items,) = _arguments(arguments, 1, "a set")
        if type(items) is not list:
            raise MalformedPickle("a set is not made of a list")
        budget.spend("steps", len(items))
        return SetItems(items)

    def encode(arguments: tuple[object, ...]) -> memoryview:
        text, encoding = _arguments(arguments, 2, "encoded text")
        if encoding != "latin1" or not isinstance(text, (str, LongText)):
            raise MalformedPickle("bytes are not given as latin1 text")
        utf8 = text.encode() if isinstance(text, str) else text.utf8
        budget.spend("bytes_of_encoded_text", len(utf8))
        # Looked for first: wide text would take four times its size before it failed to encode.
        if _BEYOND_LATIN_1.search(utf8):
            raise MalformedPickle("text that stands for bytes has characters beyond latin1")
        return memoryview(str(utf8, "utf-8").encode("latin-1"))

    def storage(arguments: tuple[object, ...]) -> object:
        (data,) = _arguments(arguments, 1, "a storage")
        if type(data) is not memoryview:
            raise MalformedPickle("a storage is not made of bytes")
        try:
            return read_storage(data, budget)
        except MalformedPickle as error:
            raise MalformedPickle(f"in the bytes of a storage: {error}") from None

    def parameter(arguments: tuple[object, ...]) -> StoredTensor:
        tensor, _, _ = _arguments(arguments, 3, "a parameter")
        if type(tensor) is not StoredTensor:
            raise MalformedPickle("a parameter is not made of a tensor")
        return tensor

    return {
        "torch_utils.persistence _reconstruct_persistent_obj": module,
        "torch.nn.modules.container ModuleDict": module_dict,
        "torch._utils _rebuild_parameter": parameter,
        "torch._utils _rebuild_tensor_v2": rebuild_tensor,
        "torch.storage _load_from_bytes": storage,
        "collections OrderedDict": empty_dict,
        "dnnlib.util EasyDict": empty_dict,
        "numpy.core.multiarray scalar": numpy_number,
        "numpy._core.multiarray scalar": numpy_number,
        "numpy dtype": NumpyType,
        # Pickles of protocol 2 have no bytes and no sets of their own, and call builtins by Python 2's name.
        "_codecs encode": encode,
        "builtins set": set_of,
        "__builtin__ set": set_of,
    }


def _arguments(arguments: tuple[object, ...], count: int, what: str) -> tuple[object, ...]:
    if len(arguments) != count:
        raise MalformedPickle(f"{what} is made of {len(arguments)} values in place of {count}")
    return arguments


def _table(items: object, what: str, budget: Budget) -> dict[str, object]:
    """The dict of these items. It costs a step an item: the file may use the same items any number of times."""
    if type(items) is not DictItems:
        raise MalformedPickle(f"{what} is not a dict")
    budget.spend("steps", len(items))
    table: dict[str, object] = {}
    for key, value in items:
        if type(key) is not str:
            raise MalformedPickle(f"{what} has a key that is not text")
        table[key] = value
    return table


def _collect(
    module: _StoredModule, prefix: str, tensors: dict[str, StoredTensor], budget: Budget, levels_left: int
) -> None:
    """Adds the tensors of a module and of those in it, under the names that torch gives them."""
    what = f"module {prefix.rstrip('.') or 'ema'!r}"
    if not levels_left:
        raise MalformedPickle(f"{what} is nested too deep")
    state = _table(module.state, what, budget)
    for group in ("_parameters", "_buffers"):
        for name, tensor in _named(state, group, what, budget).items():
            if type(tensor) is not StoredTensor:
                raise MalformedPickle(f"{name!r} in {group} of {what} is not a tensor")
            budget.spend("weights")
            tensors[prefix + name] = tensor
    for name, inner in _named(state, "_modules", what, budget).items():
        if type(inner) is not _StoredModule:
            raise MalformedPickle(f"{name!r} in _modules of {what} is not a module")
        _collect(inner, f"{prefix}{name}.", tensors, budget, levels_left - 1)


def _named(state: Mapping[str, object], group: str, what: str, budget: Budget) -> dict[str, object]:
    """The entries of '_parameters', '_buffers' or '_modules' that are not None."""
    entries = _table(state.get(group), f"{group} of {what}", budget)
    for name in entries:
        if not _NAME.fullmatch(name):
            raise MalformedPickle(f"{group} of {what} has the name {quoted(name)}")
    return {name: entry for name, entry in entries.items() if entry is not None}


def _init_kwargs(state: Mapping[str, object], budget: Budget) -> dict[str, object]:
    """What the network was built from: numbers, text, and lists of them."""
    positional = state.get("_init_args")
    if type(positional) is not tuple or len(positional) > len(_POSITIONAL):
        raise MalformedPickle(f"the network's _init_args are not a tuple of at most {', '.join(_POSITIONAL)}")
    named = _table(state.get("_init_kwargs"), "the network's _init_kwargs", budget)
    by_position = dict(zip(_POSITIONAL, positional, strict=False))
    for name in by_position.keys() & named.keys():
        raise MalformedPickle(f"the network's argument {name!r} is given twice")
    return {name: _setting(name, value) for name, value in {**by_position, **named}.items()}


def _setting(name: str, value: object) -> object:
    if not _NAME.fullmatch(name):
        raise MalformedPickle(f"the network has an argument named {quoted(name)}")
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple) and len(value) <= _LONGEST_SETTING:
        return [_scalar(name, item) for item in value]
    return _scalar(name, value)


def _scalar(name: str, value: object) -> object:
    if value is None or type(value) is bool:
        return value
    if type(value) is str and len(value) <= _LONGEST_SETTING and value.isascii() and value.isprintable():
        return value
    # Only EDM's range of noise levels is unbounded; no comparison holds for NaN.
    if isinstance(value, (int, float)) and (
        abs(value) <= _LARGEST_SETTING or (name == "sigma_max" and value == math.inf)
    ):
        return value
    raise MalformedPickle(f"the network's argument {name!r} has a value that no network needs")


def _check_fit(class_name: str, init_kwargs: Mapping[str, Any], tensors: Mapping[str, StoredTensor]) -> None:
    """Refuses weights that are not those of the network that the arguments build; no memory is taken for either."""
    try:
        build_empty(PRECONDITIONINGS, class_name, init_kwargs, {name: each.size for name, each in tensors.items()})
    except ValueError as error:
        raise MalformedPickle(one_line(error, 700).encode("ascii", "backslashreplace").decode()) from error
