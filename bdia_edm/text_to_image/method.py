"""What every method of inversion and editing is: its options, and its two ways between a latent and noise.

A method is one module of this package: generators that read like the paper and yield the state after every step, and a
dataclass of the options, which ``METHODS`` knows by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import printable
from bdia_edm.base.nearest import did_you_mean
from bdia_edm.base.options import check_ranges, read_options
from bdia_edm.base.registry import Registry
from bdia_edm.text_to_image.noise_estimate import NoiseEstimate
from bdia_edm.text_to_image.prediction import Level

__all__ = ["METHODS", "Kept", "Method", "Usual", "last", "make_method"]


class Usual(NamedTuple):
    """The settings that a method was published with for editing."""

    num_steps: int
    guidance: float
    strength: float


class Kept(NamedTuple):
    """What an inversion keeps, and the way forward starts from.

    Attributes:
        states: (K, B, C, H, W) at the noisiest level: z_N, and with K = 2 its partner, z_{N-1} of two-step methods or
            the second state of coupled ones.
        negatives: (N, L, C), the embeddings that null-text inversion found for every step; None with others.
    """

    states: Tensor
    negatives: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A way to invert latents and to come back.

    Attributes:
        name: how the user chooses it.
        exact: whether the way forward returns to the latent, but for rounding.
        usual: the settings of its publication.
        pairs: whether a latent has a partner, with which the inverse returns to the start of a sampling run.
        samples: whether the way forward makes pictures from noise alone.
        negative: what the way forward is guided away from: the prompt that is given, the source's prompt, or the
            embeddings that the inversion kept, which hold for its guidance alone.
        in_columns: the options that tables have columns for.
        divides_by_alpha: whether it needs data at every level, as a schedule that ends in noise alone has not.
    """

    name: ClassVar[str]
    exact: ClassVar[bool] = True
    usual: ClassVar[Usual]
    pairs: ClassVar[bool] = True
    samples: ClassVar[bool] = True
    negative: ClassVar[Literal["given", "source", "kept"]] = "given"
    in_columns: ClassVar[tuple[str, ...]] = ()
    divides_by_alpha: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_ranges(self, "")

    def options(self) -> dict[str, Any]:
        """All options, as plain values."""
        return asdict(self)

    def check(self, levels: Sequence[Level], dtype: torch.dtype, guidance: float) -> None:
        """Raises UserError where the method cannot invert between these levels with states of that type."""
        return

    def data_time(self, num_steps: int, num_train: int) -> float:
        """What the network is told of the data's level."""
        return 0.0

    def place(self, z: Tensor) -> Tensor:
        """A latent where the method's arithmetic has its states."""
        return z

    @abstractmethod
    def invert(self, eps: NoiseEstimate, z: Tensor, levels: Sequence[Level], second: Tensor | None = None) -> Kept:
        """From the latent z (B, C, H, W) at the data's level up to levels[0].

        Args:
            levels: falling, the data's last.
            second: z's partner, where one is known.
        """

    @abstractmethod
    def forward(self, eps: NoiseEstimate, kept: Kept, levels: Sequence[Level]) -> Iterator[Tensor]:
        """From levels[0] down to the data's level: the states (K, B, C, H, W) after every step.

        K is 1 or 2; the latent is the first state, and the second its partner for an inversion.
        """


def last(states: Iterable[Tensor], count: int = 1) -> list[Tensor]:
    """The last ``count`` states of a way, of which no more are held at a time."""
    return list(deque(states, maxlen=count))


def _fits(name: str, member: Any) -> bool:
    if not (isinstance(member, type) and issubclass(member, Method) and getattr(member, "name", None) == name):
        return False
    return is_dataclass(member) and "__dataclass_fields__" in vars(member)


METHODS: Registry[type[Method]] = Registry(
    "method", "bdia_edm.text_to_image", _fits, "a dataclass derived from Method, with this name as its attribute 'name'"
)
"""Every module of this package that registers one."""


def make_method(name: str, options: dict[str, Any]) -> Method:
    """The method ``name`` with its options.

    Raises:
        UserError: the method or an option is unknown or out of range, or the options do not go together.
    """
    kind = METHODS[name]
    known = {each.name for each in fields(kind)}
    for given in options:
        owners = [other for other in METHODS.names() if given in {each.name for each in fields(METHODS[other])}]
        if given not in known and owners:
            raise UserError(f"{given}: method={name} has no such option; it is of {', '.join(owners)}")
        if given not in known:
            there = ", ".join(sorted(known)) or "no options"
            raise UserError(
                f"{printable(given)}: unknown option; method={name} has {there}{did_you_mean(given, known)}"
            )
    return read_options(kind, options, "")
