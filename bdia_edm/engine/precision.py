"""The arithmetic of a run: chosen once, written into the record."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.base.shared_setting import SharedSetting
from bdia_edm.engine.compiled import Compiled
from bdia_edm.models.precision import PRECISIONS
from bdia_edm.models.preconditioning import Preconditioning

__all__ = ["AUTO", "OWN", "describe_precision", "full_precision", "resolve_precision"]

AUTO = "auto"
OWN = "own"
"""The precision of a denoiser that is none of our networks."""

_Flag = tuple[Any, str, bool]


def _fix() -> list[_Flag]:
    fixed: list[_Flag] = [
        (torch.backends.cuda.matmul, "allow_tf32", False),
        (torch.backends.cudnn, "allow_tf32", False),
        (torch.backends.cudnn, "benchmark", False),
        (torch.backends.cudnn, "deterministic", True),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in fixed]
    _set(fixed)
    return before


def _set(flags: list[_Flag]) -> None:
    for owner, name, value in flags:
        setattr(owner, name, value)


full_precision = SharedSetting(_fix, _set)
"""Full float32 and repeatable kernels within: no TF32, no autotuning that could pick another kernel next time.

These are flags of the whole process; they are put back when nobody is within any more.
"""


def resolve_precision(denoiser: object, asked: str, device_type: str, device: torch.device) -> str:
    """The name of the precision that ``precision=asked`` comes to; OWN of what is no network of ours.

    Args:
        denoiser: says its checkpoint's own, which 'auto' stands for.
        asked: 'auto', or a name of ``PRECISIONS``.
        device_type: 'cpu' or 'cuda', where the images will be made.
        device: where this process is; asked only where it is a GPU.

    Raises:
        UserError: the denoiser or the device cannot compute in it.
    """
    given = f"{named('precision')}={asked}"
    if not isinstance(denoiser, Preconditioning):
        if asked != AUTO:
            what = type(denoiser).__name__
            raise UserError(f"{given}: is of networks, and {what} computes in what it is written in; take {AUTO}")
        return OWN
    if asked == AUTO:
        return denoiser.own_precision(device_type)
    if device_type == "cpu" and asked in ("tf32", "fp16"):
        raise UserError(f"{given}: needs a GPU, and these images are made on the CPU; take {AUTO}, fp32 or bf16")
    if device.type == "cuda" and asked in ("tf32", "bf16") and torch.cuda.get_device_capability(device) < (8, 0):
        name = torch.cuda.get_device_name(device)
        raise UserError(f"{given}: needs a GPU of capability 8.0 (Ampere) or later, not {name}; take {AUTO} or fp16")
    return asked


def describe_precision(denoiser: object, device: torch.device) -> dict[str, Any]:
    """What the images' last bits depend on beside the config; of a denoiser without tensors its own is unknown."""
    tensors = itertools.chain(denoiser.parameters(), denoiser.buffers()) if isinstance(denoiser, nn.Module) else ()
    activations = next((str(tensor.dtype).removeprefix("torch.") for tensor in tensors), "unknown")
    name = OWN
    if isinstance(denoiser, Preconditioning | Compiled):
        name = denoiser.own_precision(device.type) if denoiser.precision == AUTO else denoiser.precision
        activations = str(PRECISIONS[name]).removeprefix("torch.")
    return {
        "name": name,
        "activations": activations,
        "state": "float64",
        # The detector's products never take it.
        "tf32": name == "tf32" or torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32,
        "compile": denoiser.compiled if isinstance(denoiser, Compiled) else "off",
        "deterministic": torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark,
        "threads": torch.get_num_threads(),
    }
