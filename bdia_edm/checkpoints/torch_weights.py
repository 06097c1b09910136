"""Weights that torch.save wrote, and TorchScript files.

A file of weights is a pickle, and ``torch.load(weights_only=True)`` unpickles nothing but tensors and containers of
them: no code in it runs. A TorchScript file is a program. Loading it runs no Python, but its own operators can write
files, and no search of its code finds all the ways to say that; so it is read only where its SHA-256 is given.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import torch
from torch import Tensor

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line

__all__ = ["read_state_dict", "read_torchscript"]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors by name, on the CPU.

    Raises:
        UserError: the file is missing, unreadable, or anything but tensors by name.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; weights that torch.save wrote are needed")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever unpickling a damaged or hostile file ends in
        raise UserError(f"{path}: not a file of weights: {one_line(_unpickling(error))}") from error
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise UserError(f"{path}: must hold tensors by name (a state dict), it holds something else")
    return found


def read_torchscript(path: Path, sha256: str, device: torch.device) -> torch.jit.ScriptModule:
    """The scripted network on ``device``, in evaluation mode.

    Args:
        sha256: the checksum of the one file that is trusted.

    Raises:
        UserError: the file is missing, another one, or no TorchScript file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; a TorchScript file is needed")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        raise UserError(f"{path}: its sha256 is {found}, and the one that may be run has {sha256}")
    try:
        with warnings.catch_warnings():
            # PyTorch discourages making new TorchScript files; these are what is published.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            # From the bytes that were verified: the file could be another by now.
            return torch.jit.load(io.BytesIO(content), map_location=device).eval()
    except Exception as error:  # whatever a damaged file ends in
        raise UserError(f"{path}: not a TorchScript file: {one_line(error)}") from error


def _unpickling(error: Exception) -> object:
    """What was wrong, without PyTorch's advice to unpickle the file with whatever it does."""
    return str(error).partition("WeightsUnpickler error: ")[2].partition("\n")[0] or error
