"""From what a file says of a network to the network, without memory for its weights: for every kind of file.

All that a file may get wrong is found here, before a weight is read: the class, the arguments' types and ranges, the
weights' names and shapes, and whether the parts fit together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bdia_edm.models.arguments import check_arguments, try_shapes
from bdia_edm.models.preconditioning import PRECONDITIONINGS

__all__ = ["MOST_TENSORS", "build_empty", "fill"]

MOST_TENSORS = 10_000
"""Of one file; the largest released network has 553."""
# A U-Net block has ten tensors or more, in each of the two halves of the network.
_TENSORS_PER_BLOCK = 10


def build_empty(
    classes: Mapping[str, type[nn.Module]],
    class_name: str,
    init_kwargs: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
) -> nn.Module:
    """The network on the meta device: it has everything but the weights.

    Args:
        classes: those that may be built, by name.
        shapes: of the file's weights, by name.

    Raises:
        ValueError: why not, without the file's name; it may hold text of the file's.
    """
    if class_name not in classes:
        raise ValueError(f"class {class_name[:100]!r} is unknown; known are {', '.join(classes)}")
    if len(shapes) > MOST_TENSORS:
        raise ValueError(f"it holds {len(shapes)} tensors; must be {MOST_TENSORS} at most")
    denoises = class_name in PRECONDITIONINGS
    if denoises:
        check_arguments(init_kwargs)
        _require_enough_tensors(init_kwargs, len(shapes))
    try:
        with torch.device("meta"):
            network = classes[class_name](**init_kwargs)
    except Exception as error:  # whatever arguments from a file make a constructor do
        raise ValueError(f"its arguments do not build {class_name}: {error}") from error
    expected = {name: tuple(values.shape) for name, values in network.state_dict().items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if shapes.get(name) != expected.get(name):
            found, wanted = shapes.get(name, "missing"), expected.get(name, "missing")
            raise ValueError(f"the weights do not fit: its {name[:200]!r} is {found}, and {wanted} in its {class_name}")
    if denoises:
        try_shapes(network)
    return network


def fill(network: nn.Module, state_dict: Mapping[str, Tensor]) -> nn.Module:
    """Gives a network that was built on the meta device its weights, on the CPU and of its own types.

    Each is copied into memory that PyTorch aligns: where a file's tensors happen to lie decides which kernels run, and
    so the last bits of the images. Module.to_empty would do, and import sympy for it (0.4 s).

    Raises:
        RuntimeError: weights are missing, surplus or misshapen.
    """
    types = {name: values.dtype for name, values in network.state_dict().items()}
    copies = {
        name: torch.empty(values.shape, dtype=types.get(name, values.dtype)).copy_(values)
        for name, values in state_dict.items()
    }
    network.load_state_dict(copies, strict=True, assign=True)
    return network


def _require_enough_tensors(init_kwargs: Mapping[str, Any], num_tensors: int) -> None:
    """Raises ValueError where a network of so many blocks cannot have so few tensors: before it is built."""
    num_levels, num_blocks = len(init_kwargs.get("channel_mult", "1")), init_kwargs.get("num_blocks", 1)
    if num_levels * num_blocks * _TENSORS_PER_BLOCK > num_tensors:
        raise ValueError(f"its {num_levels} levels of {num_blocks} blocks have only {num_tensors} tensors")
