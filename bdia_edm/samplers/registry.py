"""The samplers by name, and their options from what a user gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.options import read_options
from bdia_edm.base.registry import Registry
from bdia_edm.samplers.sampler import Sampler

__all__ = ["SAMPLERS", "make_sampler"]


def _fits(name: str, member: Any) -> bool:
    if not (isinstance(member, type) and issubclass(member, Sampler) and getattr(member, "name", None) == name):
        return False
    # A subclass without @dataclass of its own has its options in nobody's list.
    return is_dataclass(member) and "__dataclass_fields__" in vars(member)


SAMPLERS: Registry[type[Sampler]] = Registry(
    "sampler", "bdia_edm.samplers", _fits, "a dataclass derived from Sampler, with this name as its attribute 'name'"
)
"""Every module of this package that registers one, and those that the user names."""


def make_sampler(name: str, options: Mapping[str, Any]) -> Sampler:
    """The sampler ``name`` with its options.

    Raises:
        UserError: the sampler or an option is unknown, missing or out of range, or the options do not go together.
    """
    kind = SAMPLERS[name]
    for option, value in options.items():
        owners = [f"sampler={other}" for other in SAMPLERS.names() if option in _option_names(SAMPLERS[other])]
        if owners and option not in _option_names(kind):
            have = "has it" if len(owners) == 1 else "have it"
            raise UserError(
                f"sampler.{option}={printable(str(value))}: {name} has no such option; {' and '.join(owners)} {have}"
            )
    return read_options(kind, options, "sampler")


def _option_names(kind: type[Sampler]) -> set[str]:
    return {field.name for field in fields(kind)}
