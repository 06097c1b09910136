"""Checkpoints that aim at time, memory, or a reader's reasoning: each a function that makes the file.

`REFUSED` holds those that must end in an error; `EITHER` those that may also load, as the genuine network.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from bdia_edm.models.preconditioning import EDMPrecond
from tests.pickle_attacks_code import beside, opcodes, with_storage, with_weight
from tests.pickle_writer import (
    FREE,
    INIT_KWARGS,
    SYSTEM,
    Call,
    Raw,
    binary,
    called,
    checkpoint,
    dumps,
    ema,
    genuine,
    get,
    module,
    named,
    network,
    put,
    state_of,
    storage_file,
    stored,
    tensor,
    text,
    tree,
)

REFUSED: dict[str, Callable[[], bytes]] = {}
EITHER: dict[str, Callable[[], bytes]] = {}

PERSISTENT = named("torch_utils.persistence _reconstruct_persistent_obj")
ZEROS = np.zeros(16, np.float32)


def refused(name: str, make: Callable[[], bytes]) -> None:
    assert name not in REFUSED
    REFUSED[name] = make


def either(name: str, make: Callable[[], bytes]) -> None:
    assert name not in EITHER
    EITHER[name] = make


def with_view(size: object, stride: object, offset: object = 0, values: np.ndarray = ZEROS) -> bytes:
    return with_weight(tensor(stored(storage_file(values)), size, stride, offset))


def with_zeros(**storage: Any) -> bytes:
    return with_storage(storage_file(ZEROS, **storage))


def with_argument(**kwargs: object) -> bytes:
    return dumps(checkpoint(ema(**kwargs)))


def as_network(state: object, **kwargs: object) -> bytes:
    """A checkpoint whose network has this state in place of a genuine one's."""
    return dumps(checkpoint(module("EDMPrecond", state, **kwargs)))


def as_modules(modules: object) -> bytes:
    return as_network(state_of({}, {}, modules, _init_args=(), _init_kwargs=INIT_KWARGS))


# Opcodes and lengths.

for _name, _code in {
    "a_memo_entry_never_written": get(FREE),
    "a_string_of_2_to_the_62_bytes": b"\x8d" + struct.pack("<Q", 2**62),
    "bytes_of_2_to_the_63_and_more": b"\x8e" + struct.pack("<Q", 2**63 + 5),
    "bytes_of_4_thousand_million": b"B" + struct.pack("<I", 2**32 - 1),
    "a_bytearray_of_2_to_the_60": b"\x96" + struct.pack("<Q", 2**60),
    "an_integer_of_2_thousand_million_bytes": b"\x8b" + struct.pack("<i", 2**31 - 1),
    "an_integer_of_negative_length": b"\x8b" + struct.pack("<i", -5),
    "an_integer_of_255_bytes": b"\x8a\xff" + b"\x7f" * 255,
    "a_decimal_integer_of_a_million_digits": b"I" + b"9" * 1_000_000 + b"\n",
    "an_unknown_opcode": b"\xff",
    "a_duplicate": b"N2\x86",
    "a_persistent_id": b"NQ",
    "a_persistent_id_of_text": b"Pstorage\n",
    "an_out_of_band_buffer": b"\x97",
    "pops_of_nothing": b"0" * 50,
    "a_tuple_without_a_mark": b"ttt",
    "an_empty_stack": b"\x87\x87\x87",
    "an_append_to_nothing": b"aaa",
    "an_append_to_a_tuple": b")Na",
    "items_set_on_a_list": b"]NNs",
    "an_odd_number_of_items": b"}(Nu",
    "a_call_of_text": text("os.system") + b")R",
    "a_call_without_a_tuple": named("collections OrderedDict") + b"]R",
    "a_state_on_a_class": named("collections OrderedDict") + b"N}" + text("__reduce__") + b"Ns\x86b",
    "a_state_on_an_ordered_dict": called(named("collections OrderedDict")) + b"}" + text("update") + b"Nsb",
    "a_state_on_a_list": b"]}b",
    "a_second_state": named("torch.nn.modules.container ModuleDict") + b")\x81}b}b",
    "keyword_arguments": named("collections OrderedDict") + b")}" + text("x") + b"Ns\x92",
    "a_frozen_set": b"(N\x91",
    "text_that_is_not_utf8": b"X\x04\x00\x00\x00\xff\xfe\xfd\xfc",
    "a_surrogate": text("\ud800"),
    "a_global_without_an_end": b"c" + b"a" * 100_000,
    "a_global_with_a_terminal_s_escapes": b"cos\x1b[2J\rall is well\nsystem\n",
    "a_global_named_by_numbers": b"K\x01K\x02\x93",
    "a_global_named_by_a_list": b"]]\x93",
}.items():
    refused(_name, lambda code=_code: opcodes(code))
either("a_memo_index_of_4_thousand_million", lambda: opcodes(b"N" + put(2**32 - 1)))
either("a_frame_of_2_to_the_63", lambda: opcodes(b"\x95" + struct.pack("<Q", 2**63) + b"N"))

# Other globals that are allowed elsewhere, or look harmless.

for _global in (
    "nt system",
    "os.path join",
    "builtins bytearray",
    "builtins object",
    "builtins bytes",
    "builtins frozenset",
    "builtins type",
    "_codecs decode",
    "codecs encode",
    "copyreg _reconstructor",
    "copy_reg _reconstructor",
    "collections defaultdict",
    "collections Counter",
    "collections OrderedDict.fromkeys",
    "operator getitem",
    "ctypes CDLL",
    "torch load",
    "torch _utils",
    "torch FloatStorage",
    "torch.jit load",
    "torch.storage UntypedStorage",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_parameter_with_state",
    "torch.nn.modules.container Sequential",
    "torch.nn.modules.linear Linear",
    "torch_utils.persistence persistent_class",
    "torch_utils.persistence _src_to_module",
    "dnnlib.util open_url",
    "dnnlib.util call_func_by_name",
    "numpy load",
    "numpy ndarray",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.multiarray fromstring",
    "bdia_edm.checkpoints.pickle_reader read_pickle",
    "__main__ main",
):
    refused(f"global {_global}", lambda name=_global: opcodes(called(named(name), text("x"))))

# Calls of allowed globals with what they were not made for.

for _name, _code in {
    "an_ordered_dict_of_a_global": called(named("collections OrderedDict"), named("builtins set")),
    "a_set_of_itself": called(named("builtins set"), named("builtins set")),
    "a_set_of_a_number": called(named("builtins set"), b"K\x05"),
    "a_module_dict_of_modules": called(named("torch.nn.modules.container ModuleDict"), b"}"),
    "a_module_of_nothing": called(PERSISTENT),
    "a_module_of_text": called(PERSISTENT, text("module_src")),
    "a_module_without_a_class": called(PERSISTENT, b"}"),
    "a_module_with_a_number_for_a_key": called(PERSISTENT, b"}K\x05Ns"),
    "a_parameter_of_text": called(named("torch._utils _rebuild_parameter"), text("x"), b"\x89", b"}"),
    "a_tensor_of_a_global": called(named("torch._utils _rebuild_tensor_v2"), named("builtins set"), b"))\x89NN"),
    "a_storage_of_text": called(named("torch.storage _load_from_bytes"), text("x")),
    "a_storage_of_a_number": called(named("torch.storage _load_from_bytes"), b"J\x00\x00\x00\x7f"),
    "bytes_by_another_codec": called(named("_codecs encode"), text("x"), text("zlib")),
    "bytes_by_a_codec_that_is_a_list": called(named("_codecs encode"), text("x"), b"]"),
    "bytes_beyond_latin1": called(named("_codecs encode"), text("\u20ac"), text("latin1")),
    "bytes_of_a_list": called(named("_codecs encode"), b"]", text("latin1")),
    "a_numpy_object": called(
        named("numpy._core.multiarray scalar"), called(named("numpy dtype"), text("O8"), b"\x89\x88"), binary(b"cos\n")
    ),
    "a_numpy_structure": called(named("numpy dtype"), text("i8,O"), b"\x89\x88"),
    "a_numpy_text": called(named("numpy dtype"), text("U1000000000"), b"\x89\x88"),
    "a_numpy_type_of_a_tuple": called(named("numpy dtype"), b")", b"\x89\x88"),
    "a_numpy_type_with_fields": called(named("numpy dtype"), text("f8"), b"\x89\x88")
    + b"(K\x03"
    + text("<")
    + b"N)}tb",
    "a_numpy_scalar_too_long": called(
        named("numpy.core.multiarray scalar"), called(named("numpy dtype"), text("f8"), b"\x89\x88"), binary(b"x" * 80)
    ),
    "a_numpy_scalar_of_nothing": called(named("numpy.core.multiarray scalar")),
}.items():
    refused(_name, lambda code=_code: opcodes(code))

# Floods: many small objects, each of some hundred bytes in memory.

for _name, _code in {
    "dicts": b"}",
    "lists": b"]",
    "marks": b"(",
    "memo_entries": b"]\x94",
    "empty_bytes": b"C\x00",
    "floats": b"G" + bytes(8),
    "short_texts": text("\U0001f600"),
    "frames": b"\x95" + bytes(8),
    "globals": named("builtins set"),
    "module_dicts": named("torch.nn.modules.container ModuleDict") + b")\x81",
}.items():
    refused(f"a_flood_of_{_name}", lambda code=_code: b"\x80\x03" + code * 600_000)
for _name, _code in {"bytes": called(named("_codecs encode"), text("x" * 20), text("latin1"))}.items():
    refused(f"a_flood_of_encoded_{_name}", lambda code=_code: b"\x80\x03" + code * 200_000)
refused("a_flood_of_wide_text", lambda: b"\x80\x03" + text("\U0001f600" * 1000) * 5_000)
refused(
    "a_long_wide_text_for_bytes",
    lambda: opcodes(called(named("_codecs encode"), text("\U0001f600" * 4_000_000), text("latin1"))),
)


def one_text_encoded_again_and_again() -> bytes:
    again = called(named("_codecs encode"), get(FREE), get(FREE + 1))
    return opcodes(b"(", text("x" * 1_000_000), put(FREE), text("latin1"), put(FREE + 1), again * 5_000, b"t")


def one_storage_read_again_and_again() -> bytes:
    again = called(named("torch.storage _load_from_bytes"), get(FREE))
    return opcodes(b"(", binary(storage_file(np.zeros(250_000, np.float32))), put(FREE), again * 50_000, b"t")


def one_list_made_a_set_again_and_again() -> bytes:
    again = called(named("builtins set"), get(FREE))
    return opcodes(b"(](", b"N" * 50_000, b"e", put(FREE), again * 50_000, b"t")


def one_dict_made_a_module_again_and_again() -> bytes:
    again = called(PERSISTENT, get(FREE))
    items = b"".join(text(f"{i}") + b"N" for i in range(50_000))
    return opcodes(b"(}(", items, b"u", put(FREE), again * 30_000, b"t")


refused("one_text_encoded_again_and_again", one_text_encoded_again_and_again)
refused("one_storage_read_again_and_again", one_storage_read_again_and_again)
refused("one_list_made_a_set_again_and_again", one_list_made_a_set_again_and_again)
refused("one_dict_made_a_module_again_and_again", one_dict_made_a_module_again_and_again)

# Nesting and sharing: as deep as Python's recursion is not, and 2 to the 60 if it is followed.


def nested(before: bytes, after: bytes, depth: int = 10_000, innermost: bytes = b"N") -> bytes:
    return before * depth + innermost + after * depth


def doubled(levels: int = 60) -> bytes:
    """A tuple of the same tuple twice, and so on: what hashes, compares or prints it does not return."""
    code = b"N\x85" + put(FREE)
    for level in range(levels):
        code += get(FREE + level) + b"\x86" + put(FREE + level + 1)
    return code


for _name, _code in {
    "lists": nested(b"]", b"a"),
    "tuples": nested(b"", b"\x85"),
    "marks": nested(b"(", b"t"),
    "dicts": nested(b"}" + text("x"), b"s"),
    "sets": nested(b"\x8f(", b"\x90"),
    "calls": nested(named("builtins set") + b"](", b"e\x85R"),
    "states": nested(named("torch.nn.modules.container ModuleDict") + b")\x81}" + text("_modules"), b"sb"),
}.items():
    either(f"deep_{_name}", lambda code=_code: opcodes(code))
    refused(f"deep_{_name}_as_the_checkpoint", lambda code=_code: b"\x80\x03" + code + b".")
    refused(f"deep_{_name}_as_a_weight", lambda code=_code: with_weight(Raw(code)))
    refused(f"deep_{_name}_as_an_argument", lambda code=_code: with_argument(dropout=Raw(code)))
    refused(f"deep_{_name}_as_a_storage_s_key", lambda code=_code: with_storage(b"\x80\x02" + code + b"."))

either("deep_beyond_all_limits", lambda: opcodes(nested(b"]", b"a", 200_000)))
either("doubled_tuples", lambda: opcodes(doubled()))
either("doubled_tuples_as_a_key", lambda: opcodes(b"}", doubled(), b"Ns"))
either("doubled_tuples_in_a_set", lambda: opcodes(b"\x8f(", doubled(), b"\x90"))
refused("doubled_tuples_as_an_argument", lambda: with_argument(dropout=Raw(doubled())))
refused(
    "doubled_tuples_as_a_name", lambda: dumps(checkpoint(Raw(named("builtins set") + doubled() + doubled() + b"\x93")))
)
refused("doubled_tuples_as_a_class", lambda: opcodes(called(PERSISTENT, b"}" + text("class_name") + doubled() + b"s")))
either("a_list_in_itself", lambda: opcodes(b"]", put(FREE), get(FREE), b"a"))
either("a_dict_in_itself", lambda: opcodes(b"}", put(FREE), text("x"), get(FREE), b"s"))
either(
    "keys_whose_hashes_collide",
    lambda: opcodes(
        b"}(", b"".join(b"\x8a\x10" + (i * (2**61 - 1)).to_bytes(16, "little") + b"N" for i in range(1, 100_000)), b"u"
    ),
)


def modules_doubled() -> bytes:
    inner = module("Linear", state_of({}, {}, {}))
    for _ in range(24):
        inner = module("Linear", state_of({}, {}, {"a": inner, "b": inner}))
    return as_modules({"model": inner})


def modules_nested() -> bytes:
    state = b"}" + text("_parameters") + b"}s" + text("_buffers") + b"}s" + text("_modules") + b"}" + text("a")
    return as_modules(
        {"a": Raw(nested(named("torch.nn.modules.container ModuleDict") + b")\x81" + state, b"ssb", 5_000))}
    )


def a_module_in_itself() -> bytes:
    state = (
        b"}" + text("_parameters") + b"}s" + text("_buffers") + b"}s" + text("_modules") + b"}" + text("a") + get(FREE)
    )
    return as_modules(
        {"a": Raw(named("torch.nn.modules.container ModuleDict") + b")\x81" + put(FREE) + state + b"ssb")}
    )


refused("modules_doubled", modules_doubled)
refused("modules_nested", modules_nested)
refused("a_module_in_itself", a_module_in_itself)

# Tensors.

for _name, _view in {
    "beyond_its_storage": ((17,), (1,)),
    "beyond_its_storage_by_its_strides": ((16,), (2,)),
    "beyond_its_storage_by_its_offset": ((16,), (1,), 1),
    "of_a_negative_size": ((-16,), (1,)),
    "of_a_negative_stride": ((16,), (-1,), 15),
    "of_a_negative_offset": ((16,), (1,), -1),
    "expanded": ((16,), (0,), 0, np.zeros(1, np.float32)),
    "expanded_to_a_petabyte": ((2**24, 2**24), (0, 0)),
    "of_overlapping_rows": ((4, 4), (1, 1)),
    "of_2_to_the_100": ((2**100,), (1,)),
    "of_2_to_the_100_in_one_value": ((1,), (2**100,)),
    "of_no_values_and_2_to_the_62_rows": ((2**62, 0), (1, 1)),
    "of_no_values": ((0,), (1,)),
    "of_64_axes": ((1,) * 64, (1,) * 64),
    "of_a_hundred_thousand_axes": ((1,) * 100_000, (1,) * 100_000),
    "of_more_axes_than_strides": ((16, 1), (1,)),
    "of_a_float_size": ((16.0,), (1,)),
    "of_a_boolean_size": ((True,), (1,)),
    "of_a_list": ([16], [1]),
    "of_nothing": (None, None),
}.items():
    refused(f"a_tensor_{_name}", lambda view=_view: with_view(*view))
refused("a_tensor_of_too_many_arguments", lambda: with_weight(Call(torch._utils._rebuild_tensor_v2, *range(9))))
refused("a_weight_that_is_a_storage", lambda: with_weight(stored(storage_file(ZEROS))))
refused("a_weight_that_is_a_number", lambda: with_weight(3.0))
refused("a_weight_that_is_missing", lambda: with_weight(None))
refused("a_weight_of_another_shape", lambda: with_view((4, 4), (4, 1)))

# Storages.

_TORCH_ARCHIVE = io.BytesIO()
torch.save(torch.zeros(16), _TORCH_ARCHIVE)


def archive_of_zeros() -> bytes:
    """100 MB of zeros in 100 kB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(100_000_000))
    return file.getvalue()


for _name, _make in {
    "of_2_to_the_62_values": lambda: with_zeros(numel=2**62),
    "that_counts_2_to_the_62_values": lambda: with_zeros(count=2**62),
    "that_is_2_to_the_62_values_twice": lambda: with_zeros(numel=2**62, count=2**62),
    "of_minus_16_values": lambda: with_zeros(numel=-16, count=-16),
    "of_more_values_than_it_has": lambda: with_zeros(numel=17, count=17),
    "of_fewer_values_than_it_has": lambda: with_zeros(numel=15, count=15),
    "with_more_after_it": lambda: with_zeros(trailing=b"x"),
    "of_text_values": lambda: with_zeros(numel="16"),
    "of_a_list_of_values": lambda: with_zeros(numel=[16]),
    "with_another_key": lambda: with_zeros(keys=["1"]),
    "with_two_keys": lambda: with_zeros(keys=["94532110", "94532110"]),
    "with_no_keys": lambda: with_zeros(keys=[]),
    "with_keys_in_a_dict": lambda: with_zeros(keys={"94532110": 1}),
    "that_is_a_view": lambda: with_zeros(view=("1", 0, 16)),
    "big_endian": lambda: with_zeros(system={**SYSTEM, "little_endian": False}),
    "of_no_system": lambda: with_zeros(system=None),
    "of_another_magic_number": lambda: with_zeros(magic=7),
    "of_a_magic_list": lambda: with_zeros(magic=[]),
    "of_another_version": lambda: with_zeros(version=1002),
    "of_integers": lambda: with_storage(storage_file(np.zeros(16, np.int64), kind=torch.LongStorage)),
    "of_no_type": lambda: with_zeros(kind="FloatStorage"),
    "of_a_function": lambda: with_zeros(kind=torch.load),
    "of_a_module_s_source": lambda: with_zeros(kind=nn.Linear),
    "without_bytes": lambda: with_storage(b""),
    "that_is_an_archive": lambda: with_storage(_TORCH_ARCHIVE.getvalue()),
    "that_is_an_archive_of_zeros": lambda: with_storage(archive_of_zeros()),
    "that_is_compressed": lambda: with_storage(gzip.compress(bytes(10_000_000))),
    "that_is_cut_short": lambda: with_storage(storage_file(ZEROS)[:-1]),
    "that_is_cut_before_its_values": lambda: with_storage(storage_file(ZEROS)[: -len(ZEROS.tobytes()) - 3]),
    "that_is_a_checkpoint": lambda: with_storage(genuine()),
}.items():
    refused(f"a_storage_{_name}", _make)


def many_views_of_one_storage() -> bytes:
    storage = stored(storage_file(np.zeros(250_000, np.float32)))
    weights = {f"w{i}": tensor(storage, (250_000,), (1,)) for i in range(5_000)}
    return as_modules({"model": module("Linear", state_of(weights, {}, {}))})


def one_view_under_many_names() -> bytes:
    view = tensor(stored(storage_file(np.zeros(250_000, np.float32))), (250_000,), (1,))
    return as_modules({"model": module("Linear", state_of({f"w{i}": view for i in range(9_000)}, {}, {}))})


def many_small_weights() -> bytes:
    view = tensor(stored(storage_file(ZEROS)), (), ())
    return as_modules({"model": module("Linear", state_of({f"w{i}": view for i in range(100_000)}, {}, {}))})


def a_large_network_in_one_small_storage() -> bytes:
    """Every weight is the same few values: 9 MB in the file, 130 MB in memory."""
    kwargs = {**INIT_KWARGS, "model_channels": 512}
    with torch.device("meta"):
        large = EDMPrecond(**kwargs)
    storage = stored(storage_file(np.zeros(512 * 1024 * 9, np.float16), kind=torch.HalfStorage))
    views = tree(large, kwargs, lambda _, values: tensor(storage, tuple(values.shape), values.stride()))
    return dumps(checkpoint(views))


refused("a_large_network_in_one_small_storage", a_large_network_in_one_small_storage)
refused("many_views_of_one_storage", many_views_of_one_storage)
refused("one_view_under_many_names", one_view_under_many_names)
refused("many_small_weights", many_small_weights)

# What the network is built from.

for _name, _kwargs in {
    "a_thousand_million_blocks": {"num_blocks": 10**9},
    "32768_blocks": {"num_blocks": 32_768},
    "a_thousand_blocks_on_64_levels": {"num_blocks": 1000, "channel_mult": [1] * 64},
    "minus_one_block": {"num_blocks": -1},
    "half_a_block": {"num_blocks": 0.5},
    "a_million_levels": {"channel_mult": [1] * 1_000_000},
    "no_levels": {"channel_mult": []},
    "channels_of_2_to_the_62": {"model_channels": 2**62},
    "32768_channels": {"model_channels": 32_768},
    "no_channels": {"model_channels": 0},
    "labels_of_2_to_the_40": {"label_dim": 2**40},
    "an_infinite_resolution": {"img_resolution": math.inf},
    "no_number": {"sigma_data": math.nan},
    "a_dict": {"dropout": {"a": 1}},
    "a_set": {"dropout": {1}},
    "bytes": {"model_type": b"SongUNet"},
    "a_long_text": {"model_type": "S" * 100_000},
    "a_terminal_s_escapes": {"model_type": "\x1b[2J\nloaded"},
    "another_type": {"model_type": "os.system"},
    "a_list_of_lists": {"channel_mult": [[1], [1]]},
    "a_tensor": {"dropout": torch.zeros(3)},
    "a_name_with_a_line_break": {"a\nb": 1},
    "an_unknown_name": {"shell": True},
    "itself": {"self": 1},
    "network": {"in_channels": 3},
}.items():
    refused(f"an_argument_of_{_name}", lambda kwargs=_kwargs: with_argument(**kwargs))


def iddpm_of(levels: object) -> bytes:
    state: Any = ema().arguments[0]
    top = dict(state["state"], _init_kwargs={**INIT_KWARGS, "M": levels})
    return dumps(checkpoint(module("iDDPMPrecond", top)))


refused("iddpm_of_a_thousand_million_levels", lambda: iddpm_of(10**9))
refused("iddpm_of_32768_levels", lambda: iddpm_of(32_768))
refused("iddpm_of_1e18_levels", lambda: iddpm_of(1e18))
refused("five_positional_arguments", lambda: dumps(checkpoint(tree(network(), {}, init_args=(4, 1, 2, False, 0.0)))))
refused("an_argument_given_twice", lambda: dumps(checkpoint(tree(network(), INIT_KWARGS, init_args=(4,)))))
refused("arguments_in_a_list", lambda: dumps(checkpoint(tree(network(), INIT_KWARGS, init_args=[4]))))
refused("no_arguments", lambda: dumps(checkpoint(tree(network(), None))))

# Names and what they name.

refused("a_module_name_with_a_line_break", lambda: as_modules({"a\nb": module("Linear", state_of({}, {}, {}))}))
refused(
    "a_module_name_with_a_terminal_s_escapes", lambda: as_modules({"\x1b[2J": module("Linear", state_of({}, {}, {}))})
)
refused("a_module_name_that_is_a_number", lambda: as_modules({1: module("Linear", state_of({}, {}, {}))}))
refused("a_module_name_that_is_a_path", lambda: as_modules({"a.b": module("Linear", state_of({}, {}, {}))}))
refused(
    "a_module_name_of_a_million_letters", lambda: as_modules({"a" * 1_000_000: module("Linear", state_of({}, {}, {}))})
)
refused("a_module_that_is_a_list", lambda: as_modules({"model": []}))
refused("modules_that_are_a_list", lambda: as_modules([]))
refused("modules_that_are_missing", lambda: as_network({}))
refused("a_state_that_is_a_list", lambda: as_network([]))
refused("a_module_that_is_a_function", lambda: as_network(state_of({}, {}, {}), type="func"))
refused("a_network_of_another_class", lambda: dumps(checkpoint(module("Popen", state_of({}, {}, {})))))
refused(
    "a_second_state_of_a_class_with_line_breaks",
    lambda: opcodes(
        called(
            PERSISTENT,
            b"}(" + text("type") + text("class") + text("class_name") + text("a\nb\x1b[2J") + text("state") + b"}u",
        ),
        b"}b",
    ),
)
refused("a_network_whose_class_is_long", lambda: dumps(checkpoint(module("\x1b" * 100_000, state_of({}, {}, {})))))
refused("a_network_that_is_a_dict", lambda: dumps(checkpoint({})))
refused("a_network_that_is_a_module_dict", lambda: dumps(checkpoint(nn.ModuleDict())))
refused("a_network_that_is_nothing", lambda: dumps(checkpoint(None)))
refused("a_checkpoint_without_a_network", lambda: dumps({"loss_fn": None}))
refused("a_checkpoint_that_is_a_list", lambda: dumps([ema()]))
refused("a_checkpoint_that_is_a_network", lambda: dumps(ema()))
refused("a_checkpoint_whose_keys_are_tuples", lambda: dumps({("ema",): ema()}))

# Other files.

refused("nothing", lambda: b"")
refused("an_end", lambda: b".")
refused("a_page", lambda: b"<!DOCTYPE html><html><body>404</body></html>")
refused("zeros", lambda: bytes(1_000_000))
refused("an_archive_of_torch", _TORCH_ARCHIVE.getvalue)
refused("a_compressed_checkpoint", lambda: gzip.compress(genuine()))
refused("two_checkpoints", lambda: genuine() * 2)
refused("a_checkpoint_in_protocol_0", lambda: dumps(checkpoint(None), 0))
refused("random_bytes", lambda: np.random.default_rng(0).bytes(100_000))
refused(
    "random_opcodes",
    lambda: b"\x80\x03" + bytes(np.random.default_rng(1).choice(list(b"NK]})(tesua.\x85\x86\x87\x94"), 100_000)),
)
refused("items_that_are_an_ordered_dict_s", lambda: dumps(OrderedDict(ema=OrderedDict(a=1))))
either("a_loss_of_nonsense", lambda: beside([1, "x", b"y", {1: {2}}, (None, True, 1.5)]))
