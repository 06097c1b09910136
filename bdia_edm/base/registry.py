"""Things of one kind by name: samplers, detectors, metrics, kinds of models.

Each is made known by its own module, which is found because it lies in the kind's package, or because the user named
it (the option ``modules``). Nothing else lists them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.option_names import named

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """What there is of one kind.

    Args:
        option: what the user types to choose one, 'sampler' say.
        package: the package whose modules, each imported once when a name is first asked for, make the kind's members
            known.
        fits: whether an object can be a member under a name; None: any can.
        members: what members are, in words: 'a subclass of Sampler'.
    """

    def __init__(
        self, option: str, package: str, fits: Callable[[str, Any], bool] | None = None, members: str = ""
    ) -> None:
        self.option = option
        self._package = package
        self._fits, self._members = fits, members
        self._found: dict[str, T] = {}
        self._looked = False

    def add(self, name: str) -> Callable[[T], T]:
        """A decorator that makes its object known as ``name``.

        Raises:
            UserError: it is no such member, or another object has that name.
        """

        def register(member: T) -> T:
            if self._fits is not None and not self._fits(name, member):
                raise UserError(f"{named(self.option)}={name}: {_origin(member)} must be {self._members}")
            known = self._found.setdefault(name, member)
            # A module that is loaded anew, as in a notebook, may replace its own.
            if _origin(known) != _origin(member):
                given = f"{named(self.option)}={name}"
                raise UserError(f"{given}: {_origin(member)} must have another name, {_origin(known)} has this one")
            self._found[name] = member
            return member

        return register

    def names(self) -> list[str]:
        """All names, sorted."""
        self._look()
        return sorted(self._found)

    def known(self) -> list[str]:
        """The names, sorted, that modules which were imported already made known; the package's are not looked for."""
        return sorted(self._found)

    def __contains__(self, name: object) -> bool:
        self._look()
        return name in self._found

    def __getitem__(self, name: str) -> T:
        """The one called ``name``; UserError names those that there are."""
        if name not in self:
            known = self.names()
            words = f"must be one of {', '.join(known)}{did_you_mean(str(name), known)}"
            raise UserError(f"{named(self.option)}={printable(name)}: {words}")
        return self._found[name]

    def _look(self) -> None:
        if self._looked:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._looked = True


def _origin(member: object) -> str:
    return f"{getattr(member, '__module__', '')}.{getattr(member, '__qualname__', repr(member))}"
