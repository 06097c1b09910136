"""What a network in a file may be built from: every argument that EDM's checkpoints have, its type and its range.

The ranges are far wider than what was ever released, and narrow enough that whatever they let through is built in a
moment and computes numbers. Whether arguments fit together, a trial without memory says (``try_shapes``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bdia_edm.models.layers import UNetBlock

__all__ = ["ARGUMENTS", "Argument", "check_arguments", "try_shapes"]

_MOST = 32_768
_TYPES = {bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Argument:
    """What one argument takes.

    Attributes:
        kind: bool, int, float (an int is one too), or str.
        low, high: the range of numbers, both ends included.
        one_of: the texts that it takes.
        longest: it is a list of such values, of this length at most; 0: it is one value.
        shortest: of such a list.
    """

    kind: type
    low: float = -math.inf
    high: float = math.inf
    one_of: tuple[str, ...] = ()
    longest: int = 0
    shortest: int = 0

    @property
    def allowed(self) -> str:
        """In words."""
        if self.one_of:
            return f"one of {', '.join(self.one_of)}"
        number = _TYPES[self.kind]
        if self.kind is not bool:
            number += f" from {self.low:g} to {'infinity' if self.high == math.inf else f'{self.high:g}'}"
        return f"a list of {self.shortest} to {self.longest} values, each {number}" if self.longest else number

    def takes(self, value: object) -> bool:
        """Whether the value is of this type and in this range."""
        if self.longest:
            fits = isinstance(value, (list, tuple)) and self.shortest <= len(value) <= self.longest
            return fits and all(self._takes_one(item) for item in value)  # type: ignore[attr-defined]
        return self._takes_one(value)

    def _takes_one(self, value: object) -> bool:
        if self.one_of:
            return type(value) is str and value in self.one_of
        if self.kind is bool:
            return type(value) is bool
        # True and False are no numbers here, and no comparison holds for what is not a number (NaN).
        kinds = (int, float) if self.kind is float else (int,)
        return type(value) in kinds and self.low <= value <= self.high  # type: ignore[operator]


ARGUMENTS: dict[str, Argument] = {
    # Of the preconditionings.
    "img_resolution": Argument(int, 1, 4096),
    "img_channels": Argument(int, 1, 1024),
    "label_dim": Argument(int, 0, _MOST),
    "use_fp16": Argument(bool),
    "model_type": Argument(str, one_of=("SongUNet", "DhariwalUNet")),
    "sigma_min": Argument(float, 0, _MOST),
    "sigma_max": Argument(float, 1e-6, math.inf),
    "sigma_data": Argument(float, 1e-6, _MOST),
    # Above, exp(beta_d/2 + beta_min) leaves float32.
    "beta_d": Argument(float, 1e-3, 80),
    "beta_min": Argument(float, 0, 40),
    "epsilon_t": Argument(float, 1e-12, 1),
    "M": Argument(int, 2, 10_000),
    "C_1": Argument(float, 1e-12, 1),
    "C_2": Argument(float, 0, 1),
    # Of the U-Nets.
    "augment_dim": Argument(int, 0, _MOST),
    "model_channels": Argument(int, 4, _MOST),
    "channel_mult": Argument(int, 1, 1024, shortest=1, longest=13),
    "channel_mult_emb": Argument(int, 1, 1024),
    "channel_mult_noise": Argument(int, 1, 1024),
    "num_blocks": Argument(int, 1, 1000),
    "attn_resolutions": Argument(int, 0, _MOST, longest=64),
    "dropout": Argument(float, 0, 1),
    "label_dropout": Argument(float, 0, 1),
    "embedding_type": Argument(str, one_of=("positional", "fourier")),
    "encoder_type": Argument(str, one_of=("standard", "skip", "residual")),
    "decoder_type": Argument(str, one_of=("standard", "skip")),
    "resample_filter": Argument(int, 0, _MOST, shortest=1, longest=64),
}


def check_arguments(init_kwargs: Mapping[str, Any]) -> None:
    """Raises ValueError at the first argument that is unknown, of another type, or out of its range."""
    for name, value in init_kwargs.items():
        if name not in ARGUMENTS:
            raise ValueError(f"its argument {_shown(name)} is unknown; there are {', '.join(ARGUMENTS)}")
        if not ARGUMENTS[name].takes(value):
            raise ValueError(f"its argument {name} is {_shown(value)}; must be {ARGUMENTS[name].allowed}")


def try_shapes(network: nn.Module) -> None:
    """Sends a batch of no images through a preconditioned network on the meta device: no memory, no arithmetic.

    It goes on the CPU, past weights that nothing is written to: what is done on the meta device imports PyTorch's
    compiler (1.6 s).

    Raises:
        ValueError: its parts do not fit together, or the range of its noise levels is empty.
    """
    found: Any = network
    if not 0 <= found.sigma_min < found.sigma_max:
        raise ValueError(f"its noise levels, from {found.sigma_min:g} to {found.sigma_max:g}, are no range")
    channels, resolution = found.img_channels, found.img_resolution
    # A reshaping of nothing always fits.
    for block in network.modules():
        if isinstance(block, UNetBlock) and block.heads and block.qkv.in_channels % block.heads:
            raise ValueError(
                f"its parts do not fit together: {block.qkv.in_channels} channels in {block.heads} heads of attention"
            )
    whole = _WithLabels(found.model)
    held = itertools.chain(whole.named_parameters(), whole.named_buffers())
    stand_ins = {name: torch.empty(values.shape, dtype=values.dtype) for name, values in held}
    labels = torch.zeros(0, found.label_dim) if found.label_dim else None
    nothing = torch.zeros(0, channels, resolution, resolution), torch.zeros(0), labels
    with torch.no_grad():
        try:
            made = functional_call(whole, stand_ins, nothing)
        except Exception as error:  # whatever PyTorch says of shapes that do not fit
            raise ValueError(f"its parts do not fit together: {error}") from error
    wanted = (0, channels * found.out_channels_factor, resolution, resolution)
    if tuple(made.shape) != wanted:
        raise ValueError(f"its output has the shape {tuple(made.shape)}, and not {wanted}")


class _WithLabels(nn.Module):
    """A network that embeds its labels itself."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, noise_labels: Tensor, labels: Tensor | None) -> Tensor:
        """As the network's own, of one-hot labels (N, label_dim)."""
        classes = None if labels is None else self.model.embed_classes(labels)
        made: Tensor = self.model(x, noise_labels, classes)
        return made


def _shown(value: object) -> str:
    shown = ascii(value[:20] if isinstance(value, (list, tuple, str)) else value)
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
