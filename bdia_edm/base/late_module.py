"""Modules that are imported when they are first used, not where they are named: a command's help then needs none."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["LateModule"]


class LateModule(ModuleType):
    """Stands for the module of its name: whoever asks it for something imports that module, and gets what it has.

    Threads may be the first at once: the import is Python's own, with its lock. Nothing is kept here, so that what is
    put into the module later is what is found; it is put there, not here. Asking takes half a microsecond longer than
    asking the module.
    """

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self.__name__), attribute)
