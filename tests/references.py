"""The reference data of tests/reference: figures that the original systems gave (see its README)."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bdia_edm.models.preconditioning import PRECONDITIONINGS

REFERENCE = Path(__file__).parent / "reference"
CHECKPOINTS = sorted(path.stem for path in (REFERENCE / "checkpoints").glob("*.json"))


def describe(name: str) -> dict[str, Any]:
    return json.loads((REFERENCE / "checkpoints" / f"{name}.json").read_text())


def made_weights(network: nn.Module) -> dict[str, Tensor]:
    """The weights that the reference data were made with, for every entry of the network's state dict."""
    state = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("resample_filter") or name == "u":
            state[name] = tensor
            continue
        shape = tuple(tensor.shape)
        z = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
        if name.endswith("freqs"):
            w = 16 * z
        elif z.ndim >= 2:
            w = z / np.sqrt(np.float32(np.prod(shape[1:])))
        elif name.endswith(".weight"):
            w = 1 + np.float32(0.1) * z
        else:
            w = np.float32(0.1) * z
        state[name] = torch.from_numpy(w)
    return state


def build(name: str) -> nn.Module:
    """The network ``name`` with the reference's weights."""
    card = describe(name)
    network = PRECONDITIONINGS[card["preconditioning"]](**card["init_kwargs"])
    network.load_state_dict(made_weights(network), strict=True)
    return network.eval().requires_grad_(False)
