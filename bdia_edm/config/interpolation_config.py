"""The options of an interpolation: those of the inversion that gives its latents, and how many images a strip has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.base.options import option, read_options
from bdia_edm.config.inversion_config import InversionConfig, InversionOptions, read_inversion_config

__all__ = ["InterpolationConfig", "InterpolationOptions", "read_interpolation_config"]

_MOST_PAIRS = 64


@dataclass(frozen=True, kw_only=True)
class InterpolationOptions(InversionOptions):
    """The options of an interpolation beside model and sampler."""

    frames: int = option(
        9,
        words="images of a strip, both ends among them",
        low=3,
        high=1000,
        harmless="the latents are the same, whatever is made between them",
    )

    def chosen(self, found: int) -> Sequence[int]:
        """As of any inversion; an even number, and no more than a picture holds."""
        numbers = super().chosen(found)
        num, given = len(numbers), f"{named('indices')}={'null' if self.indices is None else self.indices}"
        if num > 2 * _MOST_PAIRS:
            raise UserError(f"{given}: {num:,} images; must be {2 * _MOST_PAIRS} at most, {_MOST_PAIRS} pairs")
        if num % 2:
            raise UserError(f"{given}: {num} images; must be an even number, the first two are a pair, and so on")
        return numbers


@dataclass(frozen=True, kw_only=True)
class InterpolationConfig(InterpolationOptions, InversionConfig):
    """Everything that the user chose; as an InversionConfig, the inversion that comes first.

    ``source`` is that inversion's, so that its record is the same as one of ``invert``.
    """


def read_interpolation_config(values: Mapping[str, Any]) -> InterpolationConfig:
    """Checks a config, every option of it.

    Raises:
        UserError: as ``read_inversion_config``, or the images given by number do not make pairs.
    """
    own = {"frames": values["frames"]} if "frames" in values else {}
    rest = {name: value for name, value in values.items() if name not in own}
    inversion = read_inversion_config(rest)
    plain = {each.name: getattr(inversion, each.name) for each in fields(inversion)}
    return InterpolationConfig(**plain, frames=read_options(_Own, own, "").frames)


@dataclass(frozen=True)
class _Own:
    frames: int = InterpolationOptions.frames
