"""How much the values of a config grow where they take others' (``${name}``), before they do.

Ten lines of ``b: ${a}${a}`` stand for a thousand values, and forty for more than there is memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named

__all__ = ["check_growth"]

_MOST = 20_000
_CHARACTERS = 100  # of a text that count as a value
_MOST_STEPS = 50
_NAMES = re.compile(r"[\w.\[\]]+")
_MADE_NAME = re.compile(r"\$\{[^{}]*[\w.\[]\$\{")

Path = tuple[str, ...]


def check_growth(values: Mapping[Any, Any]) -> None:
    """Raises UserError where the values, unresolved, would resolve to too many, or in too many steps."""
    _Growth(values).of((), values)


class _Growth:
    def __init__(self, values: Mapping[Any, Any]) -> None:
        self._values = values
        self._known: dict[Path, tuple[float, int]] = {}

    def of(self, path: Path, value: Any) -> tuple[float, int]:
        """How many values there will be in the place of ``value``, and in how many steps they come there."""
        if path in self._known:
            return self._known[path]
        self._known[path] = (0, 0)  # what takes its own value is told when it is resolved
        size, steps = 1.0, 0
        taken: list[tuple[float, int]] = []
        if isinstance(value, Mapping | list):
            inner = value.items() if isinstance(value, Mapping) else enumerate(value)
            taken = [self.of((*path, str(key)), each) for key, each in inner]
        elif isinstance(value, str):
            size += len(value) // _CHARACTERS
            if "${" in value:
                taken = [self.of(each, self._at(each)) for each in _taken(path, value)]
                steps = 1
        size += sum(each for each, _ in taken)
        steps += max((each for _, each in taken), default=0)
        if size > _MOST:
            raise UserError(f"{named('.'.join(path)) or 'the config'}: stands for over {_MOST:,} values")
        if steps > _MOST_STEPS:
            raise UserError(f"{named('.'.join(path))}: takes a value that takes another, over {_MOST_STEPS} times")
        self._known[path] = (size, steps)
        return size, steps

    def _at(self, path: Path) -> Any:
        value: Any = self._values
        for key in path:
            if isinstance(value, Mapping):
                value = value.get(key)
            else:
                value = value[int(key)] if isinstance(value, list) and key.isdigit() and int(key) < len(value) else None
        return value


def _taken(path: Path, text: str) -> Iterator[Path]:
    """Where the values are that a text takes; any other word in it is nowhere, and counts as little."""
    if _MADE_NAME.search(text):
        raise UserError(f"{named('.'.join(path))}: takes a value by a name that is made of another; write the name out")
    for name in _NAMES.findall(text):
        keys = name.replace("[", ".").replace("]", "").split(".")
        up = len(name) - len(name.lstrip("."))
        yield (*(path[:-up] if up else ()), *keys[up:])
