"""Weights that torch.save wrote, and TorchScript files: read so that no Python in them runs.

A file of weights is a pickle, and ``torch.load(weights_only=True)`` unpickles nothing but tensors and containers of
them. A TorchScript file is a program, but in a language of its own, that PyTorch interprets: it knows tensors and no
Python. Of its operators, three kinds reach beyond the tensors; a file that uses one is refused before it is loaded.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from bdia_edm.errors import UserError

__all__ = ["read_state_dict", "read_torchscript"]

# torch.save(x, file), torch.from_file(file), rpc_sync(worker, ...): all of TorchScript's operators that open files or
# speak to other processes.
_REACHING_OUT = re.compile(rb"\b(save|from_file|rpc_\w+)\s*\(")


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
        raise UserError(f"{path}: not a file of weights: {_first_line(error)}") from error
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise UserError(f"{path}: must hold tensors by name (a state dict), it holds something else")
    return found


def read_torchscript(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    """The scripted network on ``device``, in evaluation mode.

    Raises:
        UserError: the file is missing, no TorchScript file, or its code opens files or speaks to other processes.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; a TorchScript file is needed")
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                reaching = _REACHING_OUT.search(archive.read(entry)) if "/code/" in entry else None
                if reaching:
                    raise UserError(f"{path}: its code calls {reaching[1].decode()}, which no detector needs")
        with warnings.catch_warnings():
            # PyTorch discourages making new TorchScript files; these are what is published.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(path, map_location=device)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path}: not a TorchScript file: {_first_line(error)}") from error
    return network.eval()


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
