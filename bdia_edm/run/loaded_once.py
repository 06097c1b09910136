"""What runs that exist at the same time have in common is loaded once; it goes with the last of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

__all__ = ["loaded_once"]

T = TypeVar("T")
_LOADED: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()


def loaded_once(key: Hashable, load: Callable[[], T]) -> T:
    """What was loaded under ``key``, while somebody still holds it, or else what ``load`` gives."""
    found = _LOADED.get(key)
    if found is None:
        found = _LOADED[key] = load()
    return cast(T, found)
