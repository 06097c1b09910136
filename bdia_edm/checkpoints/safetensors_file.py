"""Networks in safetensors files: the weights, and what to build the network from in the file's metadata.

Nothing in such a file is code. The metadata holds `format`, `class_name` and `init_kwargs` (JSON); any further
entries are the maker's notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line
from bdia_edm.base.whole_files import written_whole

__all__ = ["StoredNetwork", "load_weights", "read_network", "require_enough_tensors", "write_network"]

# A U-Net block has ten tensors or more, in each of the two halves of the network.
_TENSORS_PER_BLOCK = 10


class StoredNetwork(NamedTuple):
    """A network as a file holds it; ``kind`` is 'denoiser' or 'detector'."""

    kind: str
    class_name: str
    init_kwargs: dict[str, Any]
    state_dict: dict[str, Tensor]
    notes: dict[str, str]


def write_network(
    path: Path, network: nn.Module, init_kwargs: Mapping[str, Any], kind: str, notes: Mapping[str, str] | None = None
) -> None:
    """Writes the weights of ``network``, whose class built from ``init_kwargs`` takes them back.

    Args:
        kind: 'denoiser' or 'detector'; reading asks for one of them.
    """
    metadata = {
        **(notes or {}),
        "format": f"bdia_edm {kind}",
        "class_name": type(network).__name__,
        "init_kwargs": json.dumps(dict(init_kwargs)),
    }
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    try:
        with written_whole(path) as partial:
            save_file(state, partial, metadata)
    except SafetensorError as error:  # what it makes of a full disk
        raise OSError(f"{path}: cannot be written: {one_line(error)}") from error


def read_network(path: Path, *kinds: str) -> StoredNetwork:
    """Reads what ``write_network`` wrote.

    Args:
        kinds: the kinds that are allowed, 'denoiser' and 'detector'.

    Raises:
        UserError: the file is missing, damaged, or not a network of these kinds.
    """
    wanted = " or ".join(kinds)
    if not path.is_file():
        raise UserError(f"{path}: no such file; a {wanted} in a safetensors file is needed")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {one_line(error)}") from error
    found = metadata.pop("format", "no format entry")
    kind = found.removeprefix("bdia_edm ")
    if found != f"bdia_edm {kind}" or kind not in kinds:
        raise UserError(f"{path}: its metadata must say format 'bdia_edm {wanted}', it says {found!r}")
    try:
        class_name, init_kwargs = metadata.pop("class_name"), json.loads(metadata.pop("init_kwargs"))
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: its metadata has no valid class_name and init_kwargs: {error!r}") from error
    if not isinstance(init_kwargs, dict):
        raise UserError(f"{path}: init_kwargs in its metadata must be a JSON object")
    return StoredNetwork(kind, class_name, init_kwargs, state, metadata)


def load_weights(classes: Mapping[str, type[nn.Module]], stored: StoredNetwork, path: Path) -> nn.Module:
    """Builds the stored network and gives it its weights, in evaluation mode, without gradients.

    Raises:
        UserError: the class is unknown, its arguments are wrong, or weights are missing, surplus or misshapen.
    """
    if stored.class_name not in classes:
        raise UserError(f"{path}: class {stored.class_name!r} is unknown; known are {', '.join(classes)}")
    try:
        require_enough_tensors(stored.init_kwargs, len(stored.state_dict))
        with torch.device("meta"):
            network = classes[stored.class_name](**stored.init_kwargs)
    except Exception as error:  # whatever arguments from a file make a constructor do
        raise UserError(f"{path}: {stored.class_name} cannot be built from init_kwargs: {one_line(error)}") from error
    try:
        # Copied into memory that PyTorch aligns: where a file's tensors happen to lie decides which kernels run, and
        # so the last bits of the images.
        network.to_empty(device="cpu").load_state_dict(stored.state_dict, strict=True)
    except RuntimeError as error:
        raise UserError(f"{path}: the weights do not fit: {one_line(error)}") from error
    return network.eval().requires_grad_(False)


def require_enough_tensors(init_kwargs: Mapping[str, Any], num_tensors: int) -> None:
    """Raises ValueError where a network of so many blocks cannot have so few tensors: before it is built."""
    levels, blocks = init_kwargs.get("channel_mult"), init_kwargs.get("num_blocks")
    num_levels = len(levels) if isinstance(levels, list) else 1
    num_blocks = blocks if isinstance(blocks, int) else 0
    if num_levels * num_blocks * _TENSORS_PER_BLOCK > num_tensors:
        raise ValueError(f"its {num_levels} levels of {num_blocks} blocks have only {num_tensors} tensors")
