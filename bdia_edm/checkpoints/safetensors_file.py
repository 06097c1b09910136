"""Networks in safetensors files: the weights, and what to build the network from in the file's metadata.

Nothing in such a file is code. The metadata holds `format`, `class_name` and `init_kwargs` (JSON); any further
entries are the maker's notes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.whole_files import written_whole
from bdia_edm.checkpoints.building import MOST_TENSORS, build_empty, fill

__all__ = ["StoredNetwork", "load_weights", "read_network", "write_network"]

_LONGEST_HEADER = 4 << 20
"""Bytes: a tensor takes 150 of them; the format allows 100 MB, which take half a minute to read."""
_LONGEST_ARGUMENTS = 1 << 16


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
    kind = kind_of(path)
    if kind.name != "safetensors":
        raise UserError(f"{path}: {kind.words}; a {wanted} in a safetensors file is needed")
    _require_short_header(path)
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            if len(names) > MOST_TENSORS:
                raise UserError(f"{path}: it holds {len(names)} tensors; must be {MOST_TENSORS} at most")
            metadata = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {one_line(error)}") from error
    said = metadata.pop("format", "no format entry")
    what = said.removeprefix("bdia_edm ")
    if said != f"bdia_edm {what}" or what not in kinds:
        raise UserError(f"{path}: its metadata must say format 'bdia_edm {wanted}', it says {said[:100]!r}")
    try:
        class_name, arguments = metadata.pop("class_name"), metadata.pop("init_kwargs")
        if len(arguments) > _LONGEST_ARGUMENTS:
            raise ValueError(f"init_kwargs of {len(arguments)} characters; must be {_LONGEST_ARGUMENTS} at most")
        init_kwargs = json.loads(arguments)
    except (KeyError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: its metadata has no valid class_name and init_kwargs: {error!r}") from error
    if not isinstance(init_kwargs, dict):
        raise UserError(f"{path}: init_kwargs in its metadata must be a JSON object")
    return StoredNetwork(what, class_name, init_kwargs, state, metadata)


def load_weights(classes: Mapping[str, type[nn.Module]], stored: StoredNetwork, path: Path) -> nn.Module:
    """Builds the stored network and gives it its weights, in evaluation mode, without gradients.

    Raises:
        UserError: the class is unknown, its arguments are wrong, or weights are missing, surplus or misshapen.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in stored.state_dict.items()}
    try:
        network = build_empty(classes, stored.class_name, stored.init_kwargs, shapes)
    except ValueError as error:
        raise UserError(f"{path}: {one_line(error, 700)}") from error
    for name, tensor in stored.state_dict.items():
        if not tensor.is_floating_point():
            raise UserError(f"{path}: its {printable(name)} is of type {tensor.dtype}; weights are floating-point")
    try:
        fill(network, stored.state_dict)
    except RuntimeError as error:
        raise UserError(f"{path}: the weights do not fit: {one_line(error)}") from error
    return network.eval().requires_grad_(False)


def _require_short_header(path: Path) -> None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > _LONGEST_HEADER:
        raise UserError(
            f"{path}: not a readable safetensors file: its header has {length} bytes; must be {_LONGEST_HEADER} at most"
        )
