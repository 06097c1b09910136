"""A pipeline of diffusers from a folder or from HuggingFace's hub, with the checksum of what was read.

No code that comes with a pipeline is run: weights are safetensors alone, and every part must be a class of diffusers,
of transformers or of this program.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline
from safetensors import safe_open

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.option_names import named
from bdia_edm.base.options import require
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.run.loaded_once import loaded_once
from bdia_edm.text_to_image.hub_files import folder_of, quiet

__all__ = ["NETWORK_DTYPES", "load_pipeline"]

NETWORK_DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")

_INDEX = "model_index.json"
_NOT_USED = ("safety_checker", "feature_extractor", "image_encoder")
_READ = (".safetensors", ".json", ".txt", ".model")
_OWN_SCHEDULERS = "bdia_edm.text_to_image.scheduler"


def load_pipeline(where: str, device: torch.device, network_dtype: str = "auto") -> tuple[Any, str]:
    """The pipeline, on the device, and the SHA-256 of its files.

    The same pipeline is loaded once for all who hold it at the same time.

    Args:
        where: a folder that ``save_pretrained`` wrote, or a hub id such as stabilityai/stable-diffusion-2-1-base, which
            is fetched into HuggingFace's cache.
        network_dtype: of all networks, one of NETWORK_DTYPES; auto is the type of the UNet's file, and on a CPU
            float32.

    Raises:
        UserError: there is no such pipeline, it cannot be fetched or read, or it brings code of its own.
    """
    require(network_dtype in NETWORK_DTYPES, "network_dtype", network_dtype, f"one of {', '.join(NETWORK_DTYPES)}")
    folder = _folder(where)
    parts = _parts(folder, where)
    checksum = _checksum(folder, parts)
    dtype = _dtype(network_dtype, folder, device)
    pipe = loaded_once(("pipeline", checksum, device, dtype), lambda: _load(folder, where, parts, device, dtype))
    return pipe, checksum


def _given(where: str) -> str:
    return f"{named('pipeline')}={printable(where)}"


def _folder(where: str) -> Path:
    def fetch(hub_id: str) -> object:
        return DiffusionPipeline.download(hub_id, use_safetensors=True)

    return folder_of(where, _given(where), "stabilityai/stable-diffusion-2-1-base", fetch)


def _parts(folder: Path, where: str) -> dict[str, tuple[str, str]]:
    """Of every part that is used its library and class.

    Raises:
        UserError: the folder holds no pipeline, or one with code of its own.
    """
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else one_line(error)
        raise UserError(
            f"{_given(where)}: no pipeline of diffusers: {_INDEX}: {reason}; must be a folder that save_pretrained "
            "wrote"
        ) from error
    kind = index.get("_class_name") if isinstance(index, dict) else None
    known = getattr(diffusers, kind, None) if isinstance(kind, str) else None
    if not (isinstance(known, type) and issubclass(known, DiffusionPipeline)):
        raise UserError(f"{_given(where)}: {printable(str(kind))} is no pipeline of diffusers {diffusers.__version__}")
    found: dict[str, tuple[str, str]] = {}
    for name, value in index.items():
        if name in _NOT_USED or not isinstance(value, list) or None in value:
            continue
        library, part = value if len(value) == 2 else ("", "")
        home = {"diffusers": diffusers, "transformers": transformers}.get(library)
        ours = library == _OWN_SCHEDULERS and part == "BDIAScheduler"
        if not ours and (home is None or not isinstance(getattr(home, part, None), type)):
            raise UserError(
                f"{_given(where)}: its {printable(name)} is {printable(f'{library}.{part}')}; must be a class of "
                "diffusers or transformers: no code of a pipeline is run"
            )
        if code := sorted((folder / name).glob("*.py")):
            raise UserError(f"{_given(where)}: {name}/{printable(code[0].name)}: no code of a pipeline is run")
        found[name] = (library, part)
    return found


def _checksum(folder: Path, parts: dict[str, tuple[str, str]]) -> str:
    """SHA-256 over the names and checksums of the files that can be read, other variants' weights left out."""
    paths = [path for name in parts for path in sorted((folder / name).rglob("*")) if path.suffix in _READ]
    digest = hashlib.sha256()
    for path in sorted([folder / _INDEX, *paths]):
        if path.suffix == ".safetensors" and "." in path.stem:
            continue
        state = path.stat()
        found = _file_checksum(path, state.st_size, state.st_mtime_ns)
        digest.update(f"{path.relative_to(folder).as_posix()} {found}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=1000)
def _file_checksum(path: Path, size: int, changed: int) -> str:
    """Once for a file that stays as it is: a comparison asks for every run, and some GB take seconds."""
    return file_sha256(path)


def _dtype(asked: str, folder: Path, device: torch.device) -> torch.dtype:
    if asked != "auto":
        return getattr(torch, asked)
    files = [path for path in sorted((folder / "unet").glob("*.safetensors")) if "." not in path.stem]
    if device.type == "cpu" or not files:
        return torch.float32
    with safe_open(files[0], framework="pt") as file:
        return file.get_tensor(next(iter(file.keys()))).dtype


def _load(folder: Path, where: str, parts: dict[str, tuple[str, str]], device: torch.device, dtype: torch.dtype) -> Any:
    left_out: dict[str, Any] = {}
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    # Named where the class knows them: it warns of others.
    left_out |= {name: None for name in _NOT_USED if name in index}
    if "safety_checker" in left_out:
        left_out["requires_safety_checker"] = False
    # Read in float32 where the files' libraries know no float64.
    read_as = torch.float32 if dtype == torch.float64 else dtype
    try:
        with quiet():
            pipe = DiffusionPipeline.from_pretrained(
                folder, dtype=read_as, use_safetensors=True, local_files_only=True, **left_out
            )
    except Exception as error:  # of a damaged or incomplete folder the libraries raise whatever they stumble over
        raise UserError(f"{_given(where)}: cannot be read: {one_line(error)}") from error
    with quiet():
        for name in parts:
            part = getattr(pipe, name, None)
            if isinstance(part, torch.nn.Module):
                part.to(device, dtype).requires_grad_(False)
    pipe.set_progress_bar_config(disable=True)
    return pipe
