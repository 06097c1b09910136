"""What network a file holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from bdia_edm.base.errors import UserError
from bdia_edm.base.file_kind import kind_of
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.pickle_reader import read_pickle
from bdia_edm.checkpoints.safetensors_file import StoredNetwork, load_weights, read_network
from bdia_edm.models.preconditioning import PRECONDITIONINGS

__all__ = ["describe_file", "read_stored"]


def read_stored(path: Path) -> StoredNetwork:
    """The denoiser in an EDM pickle or in a safetensors file, told apart by the content.

    Raises:
        UserError: it is missing, damaged, or neither.
    """
    return _read(path, "denoiser")[0]


def _read(path: Path, *kinds: str) -> tuple[StoredNetwork, str]:
    found = kind_of(path)
    if found.name == "pickle":
        return read_pickle(path), "EDM pickle"
    if found.name == "safetensors":
        return read_network(path, *kinds), "safetensors"
    raise UserError(f"{path}: {found.words}; a network is needed: an EDM pickle or a safetensors file")


def describe_file(path: Path) -> dict[str, Any]:
    """What the network in the file is, in values that JSON takes; an infinite noise level is None.

    Raises:
        UserError: the file is missing, damaged, or no network.
    """
    stored, form = _read(path, "denoiser", "detector")
    facts = _describe_denoiser(stored, path) if stored.kind == "denoiser" else _describe_detector(stored)
    return {
        "file": str(path),
        "what": f"{stored.kind}, {form}",
        "class": stored.class_name,
        **facts,
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        "notes": stored.notes,
    }


def _describe_denoiser(stored: StoredNetwork, path: Path) -> dict[str, Any]:
    network: Any = load_weights(PRECONDITIONINGS, stored, path)
    return {
        "network": str(stored.init_kwargs.get("model_type", type(network.model).__name__)),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "resolution": network.img_resolution,
        "channels": network.img_channels,
        "labels": network.label_dim,
        "sigma_min": network.sigma_min,
        "sigma_max": network.sigma_max if math.isfinite(network.sigma_max) else None,
        "fp16": network.use_fp16,
    }


def _describe_detector(stored: StoredNetwork) -> dict[str, Any]:
    # Its class is not built: detectors stand above this room. All that is stored counts, buffers too.
    return {"parameters": sum(tensor.numel() for tensor in stored.state_dict.values())}
