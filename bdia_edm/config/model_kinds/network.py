"""kind: network, a network in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bdia_edm.base.errors import UserError
from bdia_edm.base.options import option
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.locating import RemoteFile, locate, remote_files
from bdia_edm.config.model_card import MODEL_KINDS, ModelCard, check_sha256, most_bytes

if TYPE_CHECKING:
    import torch

    from bdia_edm.models.denoiser import Denoiser

__all__ = ["NetworkCard"]


@MODEL_KINDS.add("network")
@dataclass(frozen=True, kw_only=True)
class NetworkCard(ModelCard):
    """A network in a file; one from a URL without a pinned checksum is held to that of its first download."""

    kind = "network"
    path: str = option(
        words="the network: an EDM pickle (.pkl) or a safetensors file, as a path, a URL or embedded:NAME",
        harmless="its checksum is in the identity",
    )
    sha256: str | None = option(None, words="pinned checksum of that file", harmless="it only refuses another file")

    most_bytes: int | None = most_bytes("the network")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sha256("model.sha256", self.sha256)

    @property
    def remote_files(self) -> list[RemoteFile]:
        return remote_files(self.path, self.sha256, self.most_bytes) + super().remote_files

    def checksum(self) -> str:
        path = self._locate()
        if not path.is_file():
            raise UserError(f"{path}: no such file; model.path must be an EDM pickle or a safetensors file")
        return file_sha256(path)

    def load(self, device: torch.device) -> Denoiser:
        # Imported here: a command's help lists the options without PyTorch.
        from bdia_edm.checkpoints.description import read_stored
        from bdia_edm.checkpoints.safetensors_file import load_weights
        from bdia_edm.models.preconditioning import PRECONDITIONINGS

        path = self._locate()
        return cast("Denoiser", load_weights(PRECONDITIONINGS, read_stored(path), path).to(device))

    def _locate(self) -> Path:
        return locate(self.path, self.sha256)
