"""Models of transformers that measure pictures, from a folder or HuggingFace's hub, with the checksum of what was read.

Weights are safetensors alone, every one that the model has must be there, and no code that comes with them is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub import snapshot_download

from bdia_edm.base.errors import UserError
from bdia_edm.base.lines import one_line, printable
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.text_to_image.hub_files import folder_of, quiet

__all__ = ["FoundModel", "find_model", "load_part"]

_READ = (".safetensors", ".json", ".txt")


class FoundModel(NamedTuple):
    """A model's files.

    Attributes:
        given: the option and its value, as errors name them.
        folder: where the files are.
        model_type: as config.json has it: clip, vit, ...
        checksum: SHA-256 over the names and checksums of all files that can be read.
    """

    given: str
    folder: Path
    model_type: str
    checksum: str


def find_model(where: str, option: str, model_types: Collection[str], example: str) -> FoundModel:
    """The files of a model, fetched into HuggingFace's cache where ``where`` is a hub id.

    Args:
        where: a folder that ``save_pretrained`` wrote, or a hub id.
        option: that ``where`` is the value of.
        model_types: those that can be used.
        example: a hub id.

    Raises:
        UserError: there is no such model, it cannot be fetched, or it is of another type.
    """
    given = f"{named(option)}={printable(where)}"

    def fetch(hub_id: str) -> object:
        return snapshot_download(hub_id, allow_patterns=[f"*{suffix}" for suffix in _READ])

    folder = folder_of(where, given, example, fetch)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = config["model_type"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{given}: no model of transformers: config.json: {one_line(repr(error), 160)}") from error
    if found not in model_types:
        raise UserError(f"{given}: a model of type {printable(str(found))}; must be {' or '.join(model_types)}")
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in _READ:
            digest.update(f"{path.name} {file_sha256(path)}\n".encode())
    return FoundModel(given, folder, found, digest.hexdigest())


def load_part(kind: Any, found: FoundModel, **options: Any) -> Any:
    """A part of the model, by its class of transformers; networks in float32, to be asked and not trained.

    Raises:
        UserError: it cannot be read, or weights are missing.
    """
    network = issubclass(kind, torch.nn.Module)
    if network:
        options |= {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
    try:
        with quiet():
            part = kind.from_pretrained(found.folder, local_files_only=True, **options)
    except Exception as error:  # of damaged or incomplete folders the library raises whatever it stumbles over
        raise UserError(f"{found.given}: cannot be read: {one_line(error)}") from error
    if not network:
        return part
    model, report = part
    if missing := sorted({*report["missing_keys"], *(each[0] for each in report["mismatched_keys"])}):
        raise UserError(f"{found.given}: weights are missing: {printable(missing[0])}, {len(missing)} in all")
    return model.eval().requires_grad_(False)
