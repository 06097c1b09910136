"""Options: written once, as the fields of a dataclass, with their defaults, ranges and words.

Checks say the option, what it got and what it takes, in one line; the commands' help is made of the same fields.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.option_names import named

__all__ = ["Option", "check_ranges", "option", "options_of", "read_options", "require"]

T = TypeVar("T")
_KINDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
_KEY = "option"
_LONGEST_SHOWN = 300


@dataclass(frozen=True)
class Option:
    """What there is to know of an option beside its name, type and default.

    Attributes:
        words: what it does, for the help; without a full stop.
        unit: of its value, '' for a pure number or a text.
        low, high: the range, both ends included.
        above: the end that is not included.
        one_of: the texts that it takes.
        default_words: what a default that is computed or comes from a model's card is, in words.
        harmless: why it is no part of a run's identity, as what can change a figure is; '' where it is.
    """

    words: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    one_of: tuple[str, ...] = ()
    default_words: str = ""
    harmless: str = ""

    @property
    def allowed(self) -> str:
        """The range in words, '' where there is none."""
        if self.one_of:
            return f"one of {', '.join(self.one_of)}"
        if self.above is not None:
            return f"above {_number(self.above)} and finite"
        if self.low is not None and self.high is not None:
            return f"from {_number(self.low)} to {_number(self.high)}"
        if self.low is not None:
            return f"at least {_number(self.low)}"
        return ""

    def takes(self, value: Any) -> bool:
        """Whether a value of the right type is in the range."""
        if self.one_of:
            return value in self.one_of
        if self.above is not None:
            return self.above < value < math.inf
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _number(end: float) -> str:
    return str(end) if isinstance(end, int) else f"{end:g}"


def option(default: Any = MISSING, **facts: Any) -> Any:
    """A dataclass field that is an option: its default and what ``Option`` takes."""
    return field(default=default, metadata={_KEY: Option(**facts)})


def options_of(kind: Any) -> Iterator[tuple[Field[Any], Option]]:
    """The fields of a dataclass that are options, in their order."""
    for found in fields(kind):
        if _KEY in found.metadata:
            yield found, found.metadata[_KEY]


def check_ranges(options: Any, where: str) -> None:
    """Raises UserError at the first option of a dataclass object that is of another type or out of its range.

    None is in every range where the type allows it. Options that take objects are for the caller to check.

    Args:
        where: what the options belong to, as the user types it ('sampler', say); '' for options at the top.
    """
    hints = get_type_hints(type(options))
    for found, facts in options_of(options):
        value = getattr(options, found.name)
        if set(_alternatives(hints[found.name])) <= {*_KINDS, type(None)}:
            _read_value(f"{_prefix(where)}{found.name}", value, hints[found.name])
        require(value is None or facts.takes(value), f"{_prefix(where)}{found.name}", value, facts.allowed)


def require(condition: bool, name: str, got: object, allowed: str) -> None:
    """Raises UserError unless ``condition`` holds."""
    if not condition:
        raise UserError(f"{named(name)}={_shown(got)}: must be {allowed}")


def read_options(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass from a mapping, with no name unknown, none missing and every value of its field's type.

    Args:
        kind: the dataclass; its fields are int, float, str, bool or tuples of texts, numbers or pairs of texts (given
            as a mapping), or unions with None.
        values: what the user gave.
        where: what the options belong to, as the user types it ('sampler', say); '' for options at the top.
    """
    prefix = _prefix(where)
    hints = get_type_hints(kind)
    known = fields(kind)  # type: ignore[arg-type]
    names = [each.name for each in known]
    for name, value in values.items():
        if name not in names:
            taker = f"{where} takes" if where else "there are"
            words = f"unknown option; {taker} {', '.join(names)}{did_you_mean(name, names)}"
            raise UserError(f"{named(f'{prefix}{printable(str(name))}')}={_shown(value)}: {words}")
    for each in known:
        if each.name not in values and each.default is MISSING and each.default_factory is MISSING:
            raise UserError(f"{named(prefix + each.name)}: missing")
    return kind(**{name: _read_value(f"{prefix}{name}", value, hints[name]) for name, value in values.items()})


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _prefix(where: str) -> str:
    return f"{where}." if where else ""


def _read_value(name: str, value: Any, hint: Any) -> Any:
    allowed = _alternatives(hint)
    if value is None and type(None) in allowed:
        return None
    if tuple[str, ...] in allowed:
        listed = value if isinstance(value, list | tuple) else [value]
        require(all(type(each) is str for each in listed), name, value, "a list of texts")
        return tuple(listed)
    if tuple[tuple[str, str], ...] in allowed:
        pairs = isinstance(value, Mapping) and all(type(each) is str for pair in value.items() for each in pair)
        require(pairs, name, value, "a mapping of texts to texts, {a: b}")
        return tuple(value.items())
    if tuple[float, ...] in allowed:
        numbers = isinstance(value, list | tuple) and all(type(each) in (int, float) for each in value)
        require(numbers, name, value, "a list of numbers" + (" or null" if type(None) in allowed else ""))
        return tuple(float(each) for each in value)
    kinds = [kind for kind in allowed if kind is not type(None)]
    for kind in kinds:
        if type(value) is kind and not (kind is float and math.isnan(value)):
            return value
        if kind is float and type(value) is int:
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf
        if kind is str and type(value) is int:
            return str(value)
    nothing = " or null" if type(None) in allowed else ""
    names = " or ".join(_KINDS.get(kind, kind.__name__) for kind in kinds)
    raise UserError(f"{named(name)}={_shown(value)}: must be {names}{nothing}")


def _shown(value: object) -> str:
    if type(value) is int and value.bit_length() > _LONGEST_SHOWN:
        # Python does not write an integer of over 4,300 digits.
        return f"(a number of {value.bit_length()} bits)"
    text = "null" if value is None else printable(str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:60]}... ({len(text):,} characters)"
