"""Values from JSON held against a type, and the type as a JSON schema: one declaration is both.

A type is a TypedDict or a dataclass of str, int, float, bool, Any, list[T], dict[str, T], unions of those, Annotated
ones with ``AtLeast``, and others of its kind. Keys that it does not know are let through: later versions write more.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import types
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, partial
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

__all__ = ["AtLeast", "checked", "parse", "schema_of"]

_DEEPEST = 64
_NOT_FINITE = ("inf", "-inf", "nan")
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
_SCHEMA_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


@dataclass(frozen=True)
class AtLeast:
    """In Annotated[float, AtLeast(0)]: the least value; the number is then also finite."""

    least: int


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def checked(value: Any, hint: Any, where: str = "") -> Any:
    """The value, where it is of the type; 'inf', '-inf' and 'nan', which JSON has no numbers for, as floats.

    Args:
        value: as ``json.loads`` gives it.
        hint: the type.
        where: what the value is called in the error: 'metrics.fid'.

    Raises:
        ValueError: it is not; says where, and what it must be.
    """
    return _checker(hint)(value, where)


_Checker = Callable[[Any, str], Any]


@cache
def _checker(hint: Any) -> _Checker:
    """What checks values of the type, at a place: to take the type apart for every value takes most of the time."""
    if get_origin(hint) is Annotated:
        return _bounded(*get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return partial(_one_of, get_args(hint))
    if hint is Any:
        return _shallow
    if get_origin(hint) is list:
        return partial(_checked_list, get_args(hint)[0])
    if get_origin(hint) is dict:
        return partial(_checked_dict, get_args(hint)[1])
    if _is_object(hint):
        return partial(_checked_object, _hints(hint), _required(hint))
    return partial(_checked_plain, hint)


def _bounded(hint: Any, bound: AtLeast) -> _Checker:
    def check(value: Any, where: str) -> Any:
        number = checked(value, hint, where)
        if not (math.isfinite(number) and number >= bound.least):
            raise ValueError(f"{where}: must be {_WORDS[hint]} from {bound.least}")
        return number

    return check


def _shallow(value: Any, where: str) -> Any:
    _require_shallow(value, where, _DEEPEST)
    return value


def _checked_plain(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, str) and value in _NOT_FINITE:
        return float(value)
    # true and false are numbers in Python; whole numbers beyond 64 bits are none that a run writes.
    kinds = (int, float) if hint is float else hint
    _require(isinstance(value, kinds) and isinstance(value, bool) == (hint is bool), where, _WORDS[hint])
    if isinstance(value, int) and abs(value) >= 2**63:
        _require(False, where, f"{_WORDS[hint]} below 2**63")
    return value


def _checked_list(hint: Any, value: Any, where: str) -> list[Any]:
    _require(isinstance(value, list), where, "a list")
    return [checked(each, hint, f"{where}[{index}]") for index, each in enumerate(value)]


def _checked_dict(hint: Any, value: Any, where: str) -> dict[str, Any]:
    _require(isinstance(value, dict), where, "an object")
    prefix = f"{where}." if where else ""
    return {key: checked(each, hint, prefix + key) for key, each in value.items()}


def _checked_object(hints: dict[str, Any], required: list[str], value: Any, where: str) -> dict[str, Any]:
    _require(isinstance(value, dict), where, "an object")
    prefix = f"{where}." if where else ""
    missing = [name for name in required if name not in value]
    if missing:
        raise ValueError(f"{prefix}{missing[0]}: missing")
    return {key: checked(each, hints.get(key, Any), prefix + key) for key, each in value.items()}


def _is_object(hint: Any) -> bool:
    return is_typeddict(hint) or is_dataclass(hint)


@cache
def _hints(hint: Any) -> dict[str, Any]:
    return get_type_hints(hint, include_extras=True)


@cache
def _required(hint: Any) -> list[str]:
    if is_typeddict(hint):
        return [name for name in _hints(hint) if name in hint.__required_keys__]
    return [each.name for each in fields(hint) if each.default is MISSING]


def _one_of(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    for hint in hints:
        try:
            return checked(value, hint, where)
        except ValueError:
            continue
    raise ValueError(f"{where}: must be {' or '.join(_WORDS.get(hint, 'an object') for hint in hints)}")


def _require(holds: bool, where: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{where or 'it'}: must be {what}")


def _require_shallow(value: Any, where: str, levels: int) -> None:
    if not levels:
        raise ValueError(f"{where}: nested too deeply")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _require_shallow(each, where, levels - 1)


def schema_of(hint: Any) -> dict[str, Any]:
    """The type as a JSON schema (draft 2020-12); a class's words are those of its docstring's attributes."""
    if get_origin(hint) is Annotated:
        hint, bound = get_args(hint)
        return {"type": _SCHEMA_TYPES[hint], "minimum": bound.least}
    if get_origin(hint) in (Union, types.UnionType):
        return {"anyOf": [schema_of(each) for each in get_args(hint)]}
    if hint is Any:
        return {}
    if get_origin(hint) is list:
        return {"type": "array", "items": schema_of(get_args(hint)[0])}
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": schema_of(get_args(hint)[1])}
    if _is_object(hint):
        words = _attributes(inspect.getdoc(hint) or "")
        properties = {
            name: schema_of(each) | ({"description": words[name]} if name in words else {})
            for name, each in get_type_hints(hint, include_extras=True).items()
        }
        return {"type": "object", "properties": properties, "required": _required(hint)}
    if hint is float:
        return {"anyOf": [{"type": "number"}, {"enum": list(_NOT_FINITE)}]}
    return {"type": _SCHEMA_TYPES[hint]}


def _attributes(docstring: str) -> dict[str, str]:
    """The words of each attribute in a docstring's section 'Attributes:'."""
    _, _, section = docstring.partition("Attributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", section, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in entries}
