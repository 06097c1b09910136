"""The options of an inversion, as conf/ and the command line give them, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option, read_options, require
from bdia_edm.checkpoints.locating import RemoteFile
from bdia_edm.config.common_config import MOST, CommonOptions, ModelConfig, read_parts
from bdia_edm.config.indices import ANY, chosen_numbers
from bdia_edm.samplers.inversion import InvertibleSampler
from bdia_edm.samplers.registry import SAMPLERS

__all__ = ["REFERENCE", "InversionConfig", "InversionOptions", "read_inversion_config", "refuse_detector"]

REFERENCE = "reference"
# Settings that were other options' defaults, and what a model's card brings for sampling.
_UNUSED = ("inverse", "detector")


@dataclass(frozen=True, kw_only=True)
class InversionOptions(CommonOptions):
    """The options of an inversion beside model and sampler."""

    class_idx: int | None = option(
        None, words="the class of all images; null takes each image's own label", low=0, high=MOST
    )
    images: str = option(
        REFERENCE,
        words="what is inverted: a folder or a zip of images, an npz of them, or reference, the data's own images",
        harmless="the checksum of their pixels and classes is in the identity",
    )
    indices: str | None = option(
        None, words="which of the images, from 0 on: numbers and ranges such as 0-99 or '0-9,20-29'; null takes all"
    )
    iterations: int = option(
        0,
        words="fixed-point iterations of every step of an inverse that is not exact (euler, heun)",
        low=0,
        high=1000,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.indices is not None:
            self.chosen(ANY)

    def chosen(self, found: int) -> Sequence[int]:
        """The numbers of the images, of ``found`` that there are.

        Raises:
            UserError: one is not there, twice there, or no number.
        """
        return chosen_numbers(self.indices, found, "an image", "images")


@dataclass(frozen=True, kw_only=True)
class InversionConfig(InversionOptions, ModelConfig):
    """Everything that the user chose."""

    sampler: InvertibleSampler

    @property
    def remote_files(self) -> list[RemoteFile]:
        """The model's, but for the reference statistics, which nothing is measured against."""
        unused = {self.model.reference, *dict(self.model.references).values()}
        return [file for file in self.model.remote_files if file.url not in unused]


def refuse_detector(overrides: Sequence[str], why: str = "an inversion is measured without a detector") -> None:
    """Raises UserError where the user chose a detector, which would do nothing."""
    for word in overrides:
        if re.match(r"[+~]*detector\b", word):
            raise UserError(f"{word}: {why}; leave it out")


def read_inversion_config(values: Mapping[str, Any]) -> InversionConfig:
    """Checks a config, every option of it.

    Raises:
        UserError: at the first that is unknown, missing or out of range, or where the sampler has no inverse.
    """
    source = {name: value for name, value in values.items() if name not in _UNUSED}
    rest = dict(source)
    card, sampler = read_parts(rest)
    if not isinstance(sampler, InvertibleSampler):
        having = [name for name in SAMPLERS.names() if issubclass(SAMPLERS[name], InvertibleSampler)]
        raise UserError(f"sampler={sampler.name}: has no inverse; one of {', '.join(having)}")
    sampler.check_invertible()
    for each in fields(sampler):
        if each.name == "denoise_to_zero":
            # It would be another run of the same figures.
            given, allowed = getattr(sampler, each.name), f"{each.default}: both ways end at the lowest level"
            require(given == each.default, "sampler.denoise_to_zero", given, allowed)
    checked = read_options(InversionOptions, rest, "")
    if sampler.exact:
        allowed = f"0 with sampler={sampler.name}, whose inverse is exact"
        require(checked.iterations == 0, "iterations", checked.iterations, allowed)
    plain = {each.name: getattr(checked, each.name) for each in fields(checked)}
    return InversionConfig(model=card, sampler=sampler, source=source, **plain)
