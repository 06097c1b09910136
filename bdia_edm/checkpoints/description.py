"""What network a file holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.pickle_reader import read_pickle
from bdia_edm.checkpoints.safetensors_file import StoredNetwork, load_weights, read_network
from bdia_edm.detectors.digits import DigitsDetector
from bdia_edm.models.preconditioning import PRECONDITIONINGS

__all__ = ["describe_file", "read_stored"]

_CLASSES = {**PRECONDITIONINGS, "DigitsDetector": DigitsDetector}


def read_stored(path: Path) -> StoredNetwork:
    """The denoiser in an EDM pickle (.pkl) or in a safetensors file (any other name).

    Raises:
        UserError: it is missing, damaged, or neither.
    """
    return read_pickle(path) if path.suffix == ".pkl" else read_network(path, "denoiser")


def describe_file(path: Path) -> dict[str, Any]:
    """What the network in the file is, in values that JSON takes; an infinite noise level is None.

    Raises:
        UserError: the file is missing, damaged, or no network.
    """
    if path.suffix == ".pkl":
        stored, what = read_pickle(path), "denoiser, EDM pickle"
    else:
        stored = read_network(path, "denoiser", "detector")
        what = f"{'denoiser' if stored.class_name in PRECONDITIONINGS else 'detector'}, safetensors"
    network = cast(Any, load_weights(_CLASSES, stored, path))
    facts: dict[str, Any] = {"what": what, "class": stored.class_name}
    if stored.class_name in PRECONDITIONINGS:
        facts["network"] = str(stored.init_kwargs.get("model_type", type(network.model).__name__))
    facts["parameters"] = sum(parameter.numel() for parameter in network.parameters())
    if stored.class_name in PRECONDITIONINGS:
        facts["resolution"] = network.img_resolution
        facts["channels"] = network.img_channels
        facts["labels"] = network.label_dim
        facts["sigma_min"] = network.sigma_min
        facts["sigma_max"] = network.sigma_max if math.isfinite(network.sigma_max) else None
        facts["fp16"] = network.use_fp16
    return {
        "file": str(path),
        **facts,
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        "notes": stored.notes,
    }
