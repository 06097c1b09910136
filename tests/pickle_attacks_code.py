"""Checkpoints that run code where they can: each a function of a folder that the code would leave a `mark` in."""

from __future__ import annotations

import io
import marshal
import os
import pickle
import subprocess
from collections.abc import Callable

import numpy as np
import torch

from tests.pickle_writer import (
    Call,
    Raw,
    binary,
    called,
    checkpoint,
    dumps,
    ema,
    module,
    named,
    stored,
    tensor,
    text,
)

Attack = Callable[[str], bytes]

# What leaves its mark when pickle.load reads it.
RUN_CODE: dict[str, Attack] = {}
# What leaves it only with a loader that, like NVIDIA's, executes the source text stored with a module.
RUN_STORED_SOURCE: dict[str, Attack] = {}


def runs_code(attack: Attack) -> Attack:
    RUN_CODE[attack.__name__] = attack
    return attack


def runs_stored_source(attack: Attack) -> Attack:
    RUN_STORED_SOURCE[attack.__name__] = attack
    return attack


def touch(folder: str) -> str:
    return f"touch {folder}/mark"


def python(folder: str) -> str:
    return f"open({folder + '/mark'!r}, 'w')"


def beside(value: object, protocol: int = 3) -> bytes:
    """A genuine checkpoint with ``value`` where a reader of the network need not look."""
    return dumps(checkpoint(ema(), loss_fn=value), protocol)


def opcodes(*parts: bytes) -> bytes:
    return beside(Raw(b"".join(parts)))


def with_weight(value: object) -> bytes:
    return dumps(checkpoint(ema({"model.map_layer0.bias": value})))


def with_storage(data: bytes) -> bytes:
    return with_weight(tensor(stored(data), (16,), (1,)))


@runs_code
def os_system(folder: str) -> bytes:
    return beside(Call(os.system, touch(folder)))


@runs_code
def os_system_in_place_of_the_checkpoint(folder: str) -> bytes:
    return dumps(Call(os.system, touch(folder)))


@runs_code
def os_system_in_place_of_the_network(folder: str) -> bytes:
    return dumps(checkpoint(Call(os.system, touch(folder))))


@runs_code
def os_system_in_place_of_a_weight(folder: str) -> bytes:
    return with_weight(Call(os.system, touch(folder)))


@runs_code
def os_system_in_place_of_an_argument(folder: str) -> bytes:
    return dumps(checkpoint(ema(dropout=Call(os.system, touch(folder)))))


@runs_code
def os_system_in_the_augmentation(folder: str) -> bytes:
    return dumps(checkpoint(ema(), augment_pipe=module("AugmentPipe", {"p": Call(os.system, touch(folder))})))


@runs_code
def os_system_as_a_key(folder: str) -> bytes:
    return opcodes(b"}", called(named("posix system"), text(touch(folder))), b"Ns")


@runs_code
def os_system_after_the_end_of_the_network(folder: str) -> bytes:
    return dumps(ema())[:-1] + called(named("posix system"), text(touch(folder))) + b"0."


@runs_code
def os_system_in_protocol_0(folder: str) -> bytes:
    return pickle.dumps(Call(os.system, touch(folder)), 0)


@runs_code
def os_system_in_protocol_4(folder: str) -> bytes:
    return beside(Call(os.system, touch(folder)), 4)


@runs_code
def os_system_named_by_the_stack(folder: str) -> bytes:
    return opcodes(text("os"), text("system"), b"\x93(", text(touch(folder)), b"tR")


@runs_code
def os_system_through_an_allowed_module(folder: str) -> bytes:
    name = text("torch.nn.modules.container") + text("torch.os.system") + b"\x93"
    return b"\x80\x04" + called(name, text(touch(folder))) + b"."


@runs_code
def os_system_as_an_instance(folder: str) -> bytes:
    return opcodes(b"(", text(touch(folder)), b"iposix\nsystem\n")


@runs_code
def os_system_as_an_object(folder: str) -> bytes:
    return opcodes(b"(", named("posix system"), text(touch(folder)), b"o")


@runs_code
def posix_mkdir(folder: str) -> bytes:
    return beside(Call(os.mkdir, folder + "/mark"))


@runs_code
def builtins_eval(folder: str) -> bytes:
    return beside(Call(eval, python(folder)))


@runs_code
def builtins_exec(folder: str) -> bytes:
    return beside(Call(exec, python(folder)))


@runs_code
def python_2_builtins(folder: str) -> bytes:
    return beside(Call(eval, python(folder)), 2)


@runs_code
def builtins_open(folder: str) -> bytes:
    return beside(Call(open, folder + "/mark", "w"))


@runs_code
def getattr_chain(folder: str) -> bytes:
    imported = called(named("builtins __import__"), text("os"))
    return opcodes(called(called(named("builtins getattr"), imported, text("system")), text(touch(folder))))


@runs_code
def import_module_and_attrgetter(folder: str) -> bytes:
    getter = called(named("operator attrgetter"), text("system"))
    return opcodes(called(called(getter, called(named("importlib import_module"), text("os"))), text(touch(folder))))


@runs_code
def operator_methodcaller(folder: str) -> bytes:
    caller = called(named("operator methodcaller"), text("system"), text(touch(folder)))
    return opcodes(called(caller, called(named("importlib import_module"), text("os"))))


@runs_code
def functools_partial(folder: str) -> bytes:
    return opcodes(called(called(named("functools partial"), named("posix system"), text(touch(folder)))))


@runs_code
def functools_reduce(folder: str) -> bytes:
    return opcodes(called(named("functools reduce"), named("builtins eval"), b"]}a", text(python(folder))))


@runs_code
def list_of_map(folder: str) -> bytes:
    commands = b"](" + text(touch(folder)) + b"e"
    return opcodes(called(named("builtins list"), called(named("builtins map"), named("posix system"), commands)))


@runs_code
def subprocess_check_output(folder: str) -> bytes:
    return beside(Call(subprocess.check_output, ["touch", folder + "/mark"]))


@runs_code
def state_of_an_object(folder: str) -> bytes:
    """BUILD calls the object's own __setstate__, which the file has just set."""
    state = b"}" + text("__setstate__") + named("posix system") + b"s"
    return opcodes(named("argparse Namespace"), b")\x81", state, b"b", text(touch(folder)), b"b")


@runs_code
def registered_extension(folder: str) -> bytes:
    register = called(named("copyreg add_extension"), text("posix"), text("system"), b"K\x07")
    return opcodes(register, b"0", called(b"\x82\x07", text(touch(folder))))


@runs_code
def stored_bytecode(folder: str) -> bytes:
    code = called(named("marshal loads"), binary(marshal.dumps(compile(python(folder), "x", "eval"))))
    scope = b"}" + text("open") + named("builtins open") + b"s"
    return opcodes(called(called(named("types FunctionType"), code, scope)))


@runs_code
def timeit(folder: str) -> bytes:
    return opcodes(
        called(named("timeit timeit"), text(python(folder)), text("pass"), named("time perf_counter"), b"K\x01")
    )


@runs_code
def profile_run(folder: str) -> bytes:
    return opcodes(called(named("cProfile run"), text(python(folder))))


@runs_code
def pydoc_pager(folder: str) -> bytes:
    return opcodes(called(named("pydoc pipepager"), text(""), text(touch(folder))))


@runs_code
def torch_collect_env(folder: str) -> bytes:
    return opcodes(called(named("torch.utils.collect_env run"), text(touch(folder))))


@runs_code
def numpy_runstring(folder: str) -> bytes:
    return opcodes(called(named("numpy.testing._private.utils runstring"), text(python(folder)), b"}"))


@runs_code
def numpy_file_of_objects(folder: str) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Call(os.system, touch(folder))], dtype=object), allow_pickle=True)
    buffer = called(named("_io BytesIO"), binary(file.getvalue()))
    return opcodes(called(named("numpy.lib.format read_array"), buffer, b"\x88"))


@runs_code
def pickle_in_a_pickle(folder: str) -> bytes:
    return opcodes(called(named("_pickle loads"), binary(pickle.dumps(Call(os.system, touch(folder))))))


@runs_code
def pickle_in_a_storage(folder: str) -> bytes:
    return with_storage(pickle.dumps(Call(os.system, touch(folder)), 2))


@runs_code
def torch_file_in_a_storage(folder: str) -> bytes:
    file = io.BytesIO()
    torch.save(Call(os.system, touch(folder)), file, _use_new_zipfile_serialization=False)
    return with_storage(file.getvalue())


@runs_code
def torch_archive_in_a_storage(folder: str) -> bytes:
    file = io.BytesIO()
    torch.save(Call(os.system, touch(folder)), file)
    return with_storage(file.getvalue())


@runs_code
def torch_file_in_a_storage_that_is_not_used(folder: str) -> bytes:
    file = io.BytesIO()
    torch.save(Call(os.system, touch(folder)), file, _use_new_zipfile_serialization=False)
    return beside(stored(file.getvalue()))


@runs_stored_source
def source_of_the_network(folder: str) -> bytes:
    return dumps(checkpoint(ema(source=python(folder))))


@runs_stored_source
def source_in_place_of_a_weight(folder: str) -> bytes:
    return with_weight(module("Parameter", {}, python(folder)))


@runs_stored_source
def source_of_the_loss(folder: str) -> bytes:
    return beside(module("EDMLoss", {"P_mean": -1.2}, source=python(folder)))


@runs_stored_source
def source_of_the_augmentation_in_protocol_4(folder: str) -> bytes:
    return dumps(checkpoint(ema(), augment_pipe=module("AugmentPipe", {"p": 0.1}, source=python(folder))), 4)
