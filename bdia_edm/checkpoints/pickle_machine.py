"""Runs a pickle over inert data: nothing that the file names is imported, looked up or called.

Python's own unpickler calls what a file tells it to call. This one reads the opcodes of protocols 2 to 5 itself and
builds only numbers, text, views of the file's bytes, lists, tuples, and the classes of this module. A global is a
name, compared with the caller's table; a call of it runs the caller's constructor for that name, which gets inert
data and makes inert data. So the file chooses among the table's entries and nothing else.

Nor can a file exhaust the machine:
    - every opcode costs a step, and the steps are limited (`Budget`), so time and the number of objects are;
    - bytes and long text are never copied, short text is limited in total;
    - a length is held to what the file has left before anything is taken; memo indices are keys, not positions;
    - items of dicts and sets are kept as lists: nothing is hashed, compared or printed, however deep it nests.
"""

from __future__ import annotations

import pickletools
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = [
    "Budget",
    "Buildable",
    "DictItems",
    "Global",
    "LongText",
    "MalformedPickle",
    "SetItems",
    "quoted",
    "run_pickle",
]

Constructor = Callable[[tuple[object, ...]], object]

# No name, key or setting is longer. What is (a module's source; old protocols' bytes) may take up to four times its
# size in memory once it is decoded.
_SHORT_TEXT = 4096
# The magic number of torch's files has ten bytes; no other number in a checkpoint comes near.
_LONG_INTEGER = 16
_LONGEST_NAME = 256

_OPCODES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_NUMBERS = {"BININT": "<i", "BININT1": "<B", "BININT2": "<H"}
_TEXT = {"SHORT_BINUNICODE": "<B", "BINUNICODE": "<I", "BINUNICODE8": "<Q"}
_BYTES = {"SHORT_BINBYTES": "<B", "BINBYTES": "<I", "BINBYTES8": "<Q"}
_MEMO_READS = {"BINGET": "<B", "LONG_BINGET": "<I"}
_MEMO_WRITES = {"BINPUT": "<B", "LONG_BINPUT": "<I"}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# A protocol's number and a frame's length say nothing that the opcodes do not.
_IGNORED = {"PROTO": "<B", "FRAME": "<Q"}


class MalformedPickle(Exception):
    """Why a pickle is not read: one line, without the file's name."""


class Budget:
    """What one file may use, over all the pickles nested in it."""

    def __init__(self, **limits: int) -> None:
        """One limit for each resource, its name with underscores for spaces; 'steps' and 'bytes_of_text' are ours."""
        self._limits = limits
        self._left = dict(limits)

    def spend(self, resource: str, amount: int = 1) -> None:
        """Raises MalformedPickle where the file takes more than its limit."""
        self._left[resource] -= amount
        if self._left[resource] < 0:
            raise MalformedPickle(f"it takes more than {self._limits[resource]} {resource.replace('_', ' ')}")


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """A global that the file names: 'module name'."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class LongText:
    """Text too long to be a name, left undecoded."""

    utf8: memoryview


class DictItems(list[tuple[object, object]]):
    """A dict's items in the file's order, unhashed; a later value of a key replaces an earlier one."""

    __slots__ = ()


class SetItems(list[object]):
    """A set's items, unhashed."""

    __slots__ = ()


class Buildable(ABC):
    """What the file may give a state after it is made (opcode BUILD)."""

    __slots__ = ()

    @abstractmethod
    def set_state(self, state: object) -> None:
        """Raises MalformedPickle where the state is not one."""


def quoted(text: str) -> str:
    """Text from a file, fit for a one-line message on any terminal."""
    return ascii(text[:100] + ("..." if len(text) > 100 else ""))


def run_pickle(
    data: memoryview,
    start: int,
    constructors: Mapping[str, Constructor | None],
    budget: Budget,
    persistent: Constructor | None = None,
) -> tuple[object, int]:
    """The value of the pickle that starts at ``data[start]``, and the position after its end.

    Args:
        constructors: for every global that the file may name what makes a call's value; None if it is only named.
        persistent: what makes the value of a persistent id, a tuple; None refuses them.

    Raises:
        MalformedPickle: an opcode, a global or a value is not allowed, or the data are damaged.
    """
    machine = _Machine(data, start, constructors, budget, persistent)
    try:
        return machine.run(), machine.position
    except (IndexError, struct.error):  # read past the end, or took from an empty stack
        raise MalformedPickle(f"damaged or cut short near byte {machine.position}") from None
    except UnicodeDecodeError:
        raise MalformedPickle(f"text near byte {machine.position} is not UTF-8") from None


@dataclass(slots=True)
class _Machine:
    """The stack machine: one method for each kind of opcode."""

    data: memoryview
    position: int
    constructors: Mapping[str, Constructor | None]
    budget: Budget
    persistent: Constructor | None
    stack: list[object] = field(default_factory=list)
    marked: list[list[object]] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)

    def run(self) -> object:
        while True:
            self.budget.spend("steps")
            name = _OPCODES.get(self.data[self.position])
            self.position += 1
            if name == "STOP":
                if len(self.stack) != 1 or self.marked:
                    raise MalformedPickle(f"values are left over at byte {self.position}")
                return self.stack.pop()
            self._step(name)

    def _step(self, name: str | None) -> None:
        push = self.stack.append
        if name in _MEMO_READS:
            index = self._unpack(_MEMO_READS[name])
            if index not in self.memo:
                raise MalformedPickle(f"memo entry {index} is read near byte {self.position} before it is written")
            push(self.memo[index])
        elif name in _TEXT:
            push(self._text(self._unpack(_TEXT[name])))
        elif name in _NUMBERS:
            push(self._unpack(_NUMBERS[name]))
        elif name in _CONSTANTS:
            push(_CONSTANTS[name])
        elif name in _SHORT_TUPLES:
            push(tuple(self._take(_SHORT_TUPLES[name])))
        elif name in _BYTES:
            push(self._view(self._unpack(_BYTES[name])))
        elif name in _MEMO_WRITES:
            self._memoize(self._unpack(_MEMO_WRITES[name]))
        elif name in _IGNORED:
            self._unpack(_IGNORED[name])
        elif name in _HANDLERS:
            _HANDLERS[name](self)
        else:
            raise MalformedPickle(f"pickle opcode {name or 'unknown'} before byte {self.position} is not allowed")

    # Reading the file.

    def _unpack(self, format: str) -> int:
        value: int = struct.unpack_from(format, self.data, self.position)[0]
        self.position += struct.calcsize(format)
        return value

    def _float(self) -> float:
        value: float = struct.unpack(">d", self._view(8))[0]
        return value

    def _view(self, length: int) -> memoryview:
        if length > len(self.data) - self.position:
            raise MalformedPickle(f"{length} bytes are announced near byte {self.position}, past the end")
        self.position += length
        return self.data[self.position - length : self.position]

    def _text(self, length: int) -> str | LongText:
        utf8 = self._view(length)
        if length > _SHORT_TEXT:
            return LongText(utf8)
        self.budget.spend("bytes_of_text", length)
        return str(utf8, "utf-8")

    def _line(self) -> str:
        line, end, _ = bytes(self.data[self.position : self.position + _LONGEST_NAME]).partition(b"\n")
        if not end:
            raise MalformedPickle(f"a global's name near byte {self.position} has no end")
        self.position += len(line) + 1
        return str(line, "utf-8")

    def _long_integer(self) -> None:
        length = self._unpack("<B")
        if length > _LONG_INTEGER:
            raise MalformedPickle(f"an integer of {length} bytes near byte {self.position}")
        self.stack.append(int.from_bytes(self._view(length), "little", signed=True))

    # The stack and the memo.

    def _mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def _take_marked(self) -> list[object]:
        items = self.stack
        self.stack = self.marked.pop()
        return items

    def _tuple(self) -> None:
        items = self._take_marked()  # first: it changes the stack
        self.stack.append(tuple(items))

    def _take(self, count: int) -> list[object]:
        if len(self.stack) < count:
            raise IndexError
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _memoize(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    # Containers, globals and calls.

    def _extend(self, kind: type[list[object]], items: list[object]) -> None:
        target = self.stack[-1]
        if type(target) is not kind:
            raise MalformedPickle(f"items are added near byte {self.position} to what takes none")
        target.extend(items)

    def _set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, DictItems) or len(items) % 2:
            raise MalformedPickle(f"items are set near byte {self.position} on what takes none")
        target.extend(zip(items[::2], items[1::2], strict=True))

    def _name_global(self, module: object, name: object) -> None:
        if type(module) is not str or type(name) is not str:
            raise MalformedPickle(f"a global near byte {self.position} is not named by text")
        full_name = f"{module} {name}"
        if full_name not in self.constructors:
            raise MalformedPickle(f"global {quoted(full_name)} before byte {self.position} is not allowed")
        self.stack.append(Global(full_name))

    def _call(self, function: object, arguments: object) -> None:
        if type(function) is not Global or type(arguments) is not tuple:
            raise MalformedPickle(f"what is called near byte {self.position} is not a global with a tuple")
        constructor = self.constructors[function.name]
        if constructor is None:
            raise MalformedPickle(f"a call of {function.name!r} before byte {self.position} is not allowed")
        self.stack.append(constructor(arguments))

    def _build(self, state: object) -> None:
        target = self.stack[-1]
        if not isinstance(target, Buildable):
            raise MalformedPickle(f"a state is set near byte {self.position} on what has none")
        target.set_state(state)

    def _persistent(self, identity: object) -> None:
        if self.persistent is None or type(identity) is not tuple:
            raise MalformedPickle(f"a persistent id before byte {self.position} is not allowed")
        self.stack.append(self.persistent(identity))


_HANDLERS: dict[str, Callable[[_Machine], None]] = {
    "ADDITEMS": lambda machine: machine._extend(SetItems, machine._take_marked()),
    "APPEND": lambda machine: machine._extend(list, machine._take(1)),
    "APPENDS": lambda machine: machine._extend(list, machine._take_marked()),
    "BINFLOAT": lambda machine: machine.stack.append(machine._float()),
    "BINPERSID": lambda machine: machine._persistent(machine.stack.pop()),
    "BUILD": lambda machine: machine._build(machine.stack.pop()),
    "EMPTY_DICT": lambda machine: machine.stack.append(DictItems()),
    "EMPTY_LIST": lambda machine: machine.stack.append([]),
    "EMPTY_SET": lambda machine: machine.stack.append(SetItems()),
    "GLOBAL": lambda machine: machine._name_global(machine._line(), machine._line()),
    "LONG1": lambda machine: machine._long_integer(),
    "MARK": lambda machine: machine._mark(),
    "MEMOIZE": lambda machine: machine._memoize(len(machine.memo)),
    "NEWOBJ": lambda machine: machine._call(*machine._take(2)),
    "REDUCE": lambda machine: machine._call(*machine._take(2)),
    "SETITEM": lambda machine: machine._set_items(machine._take(2)),
    "SETITEMS": lambda machine: machine._set_items(machine._take_marked()),
    "STACK_GLOBAL": lambda machine: machine._name_global(*machine._take(2)),
    "TUPLE": lambda machine: machine._tuple(),
}
