"""The stack machine: the same values as pickle's own for plain data, and nothing else."""

from __future__ import annotations

import gc
import pickle
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from bdia_edm.checkpoints.pickle_machine import (
    Budget,
    Buildable,
    DictItems,
    Global,
    LongText,
    MalformedPickle,
    SetItems,
    quoted,
    run_pickle,
)

PROTOCOLS = (2, 3, 4, 5)


def budget(steps: int = 100_000, bytes_of_text: int = 100_000) -> Budget:
    return Budget(steps=steps, bytes_of_text=bytes_of_text)


def run(data: bytes, constructors: dict[str, Any] | None = None, **options: Any) -> object:
    value, end = run_pickle(memoryview(data), 0, constructors or {}, options.pop("budget", budget()), **options)
    assert end == len(data)
    return value


def plain(value: object) -> object:
    """The Python object that inert data stand for."""
    if isinstance(value, DictItems):
        return {plain(key): plain(inner) for key, inner in value}
    if isinstance(value, SetItems):
        return {plain(inner) for inner in value}
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, LongText):
        return str(value.utf8, "utf-8")
    if isinstance(value, (list, tuple)):
        return type(value)(plain(inner) for inner in value)
    return value


def random_value(rng: np.random.Generator, depth: int, protocol: int) -> Any:
    def inner() -> Any:
        return random_value(rng, depth - 1, protocol)

    atoms: list[Any] = [
        None,
        True,
        False,
        0,
        255,
        65_536,
        -1,
        -(2**31),
        2**70,
        0.1,
        float("-inf"),
        "",
        "é€😀",
        "x" * 5000,
    ]
    if protocol >= 3:
        atoms += [b"", b"x\n", b"y" * 300]
    kind = rng.integers(5) if depth else 4
    if kind == 4:
        return atoms[rng.integers(len(atoms))]
    values = [inner() for _ in range(rng.integers(5))]
    if kind == 0:
        return values
    if kind == 1:
        return tuple(values)
    if kind == 2 and protocol >= 4:
        return set(atoms[:5])
    return {str(key): value for key, value in enumerate(values)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_are_what_pickle_makes_of_them(protocol: int) -> None:
    rng = np.random.default_rng(protocol)
    for _ in range(200):
        value = [random_value(rng, 4, protocol)] * 2  # twice: from the memo
        assert plain(run(pickle.dumps(value, protocol))) == value


def test_a_pickle_ends_at_its_end() -> None:
    data = pickle.dumps(1, 3) + pickle.dumps([2], 3)
    first, position = run_pickle(memoryview(data), 0, {}, budget())
    second, end = run_pickle(memoryview(data), position, {}, budget())
    assert (first, second, end) == (1, [2], len(data))


def test_bytes_are_views_of_the_file() -> None:
    data = bytearray(pickle.dumps([b"y" * 9999, "x" * 9999], 3))
    value = run(data)
    assert isinstance(value, list)
    for mark in (b"y", b"x"):
        data[data.index(mark * 9999)] = ord("z")
    assert bytes(value[0])[:2] == b"zy"
    assert bytes(value[1].utf8)[:2] == b"zx"


def test_the_file_is_let_go_with_the_value() -> None:
    data = bytearray(pickle.dumps([b"y" * 9999, {"a": [1]}], 3))
    gc.disable()
    try:
        value = run(data)
        with pytest.raises(BufferError):
            data.clear()
        del value
        data.clear()
    finally:
        gc.enable()


def test_a_call_is_the_constructor_s() -> None:
    data = pickle.dumps([OrderedDict(), OrderedDict(a=1)], 3)
    value = run(data, {"collections OrderedDict": lambda arguments: DictItems([("made of", arguments)])})
    assert value == [[("made of", ())], [("made of", ()), ("a", 1)]]


def test_a_global_that_is_only_named() -> None:
    data = pickle.dumps(OrderedDict, 3)
    value = run(data, {"collections OrderedDict": None})
    assert isinstance(value, Global)
    assert value.name == "collections OrderedDict"
    with pytest.raises(MalformedPickle, match="a call of 'collections OrderedDict'"):
        run(pickle.dumps(OrderedDict(), 3), {"collections OrderedDict": None})


@pytest.mark.parametrize("protocol", [0, *PROTOCOLS])
def test_any_other_global_is_refused_by_its_name(protocol: int) -> None:
    with pytest.raises(MalformedPickle, match=r"global 'collections OrderedDict' before byte [0-9]+ is not allowed"):
        run(pickle.dumps(OrderedDict, protocol), {"collections": None, "OrderedDict": None})


def test_a_state_goes_to_what_takes_one() -> None:
    class Taker(Buildable):
        def set_state(self, state: object) -> None:
            self.state = state

    taker = Taker()
    assert run(b"cm\nn\n)\x81K\x07b.", {"m n": lambda arguments: taker}) is taker
    assert taker.state == 7


def test_persistent_ids() -> None:
    assert run(b"K\x07\x85Q.", persistent=lambda identity: identity[0]) == 7
    with pytest.raises(MalformedPickle, match="persistent id"):
        run(b"K\x07\x85Q.")
    with pytest.raises(MalformedPickle, match="persistent id"):
        run(b"K\x07Q.", persistent=lambda identity: identity)


def test_steps_are_counted_over_all_pickles_of_a_file() -> None:
    shared = budget(steps=10)
    run(b"NNN\x87.", budget=shared)
    with pytest.raises(MalformedPickle, match="it takes more than 10 steps"):
        run(b"NNN\x87NN\x87.", budget=shared)


def test_short_text_is_limited_in_total_and_long_text_is_not_decoded() -> None:
    long = b"X" + struct.pack("<I", 50_000) + b"\xff" * 50_000
    assert isinstance(run(long + b".", budget=budget(bytes_of_text=0)), LongText)
    with pytest.raises(MalformedPickle, match="it takes more than 10 bytes of text"):
        run(b"(" + b"X\x04\x00\x00\x00abcd" * 3 + b"t.", budget=budget(bytes_of_text=10))


@pytest.mark.parametrize(
    "opcode", [b"i", b"o", b"\x82\x01", b"\x92", b"2", b"0", b"P1\n", b"\x8b", b"\x96", b"\x97", b"I1\n"]
)
def test_opcodes_that_no_checkpoint_needs_are_refused_by_name(opcode: bytes) -> None:
    with pytest.raises(MalformedPickle, match=r"pickle opcode [A-Z0-9_]+ before byte 3 is not allowed"):
        run(b"(N" + opcode + b".")


def test_all_cuts_are_refused() -> None:
    data = pickle.dumps({"a": [1, 2.5, b"x", ("y",), {"z"}]}, 4)
    for length in range(len(data)):
        with pytest.raises(MalformedPickle):
            run(data[:length])


def test_quoted_text_is_one_printable_line() -> None:
    assert quoted("a\nb\x1b[2J\u202e\ud800") == r"'a\nb\x1b[2J\u202e\ud800'"
    assert len(quoted("\U0001f600" * 10_000)) < 1200
