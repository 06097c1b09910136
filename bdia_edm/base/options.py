"""Reading options: every check says the option, what it got and what it takes, in one line."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from bdia_edm.base.errors import UserError

__all__ = ["read_options", "require"]

T = TypeVar("T")
_KINDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def require(condition: bool, option: str, got: object, allowed: str) -> None:
    """Raises UserError unless ``condition`` holds."""
    if not condition:
        raise UserError(f"{option}={_shown(got)}: must be {allowed}")


def read_options(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass from a mapping, with no name unknown, none missing and every value of its field's type.

    Args:
        kind: the dataclass; its fields are int, float, str, bool or unions of those with None.
        values: what the user gave.
        where: what the options belong to, as the user types it ('sampler', say); '' for options at the top.
    """
    prefix = f"{where}." if where else ""
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in names:
            taker = f"{where} takes" if where else "there are"
            raise UserError(f"{prefix}{name}={_shown(value)}: unknown option; {taker} {', '.join(names)}")
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"{prefix}{field.name}: missing")
    return kind(**{name: _read_value(f"{prefix}{name}", value, hints[name]) for name, value in values.items()})


def _read_value(option: str, value: Any, hint: Any) -> Any:
    allowed = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if value is None and type(None) in allowed:
        return None
    kinds = [kind for kind in allowed if kind is not type(None)]
    for kind in kinds:
        if type(value) is kind and not (kind is float and math.isnan(value)):
            return value
        if kind is float and type(value) is int:
            return float(value)
        if kind is str and type(value) is int:
            return str(value)
    nothing = " or null" if type(None) in allowed else ""
    names = " or ".join(_KINDS.get(kind, kind.__name__) for kind in kinds)
    raise UserError(f"{option}={_shown(value)}: must be {names}{nothing}")


def _shown(value: object) -> str:
    return "null" if value is None else str(value)
