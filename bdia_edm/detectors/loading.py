"""Loading a detector: what all kinds have to be held to before."""

from __future__ import annotations

from pathlib import Path

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["load"]


def load(
    name: str, path: Path | None, sha256: str | None, shape: tuple[int, int, int], device: torch.device
) -> Detector:
    """The detector of the kind ``name`` for images of ``shape`` (C, H, W), on ``device``.

    Args:
        path: its file, held to its checksum already (``checkpoints.locating``); None for a kind that has none.
        sha256: the checksum that the user gave for the file.

    Raises:
        UserError: there is no such kind, the file is missing or not fit, its checksum is missing where it must be
            given, or the detector does not take such images.
    """
    kind = DETECTORS[name]
    kind.check_shape(shape)
    if kind.needs_sha256 and sha256 is None:
        raise UserError(
            f"{named('detector.sha256')}: missing; a TorchScript file is a program, and only one whose checksum is "
            "given is run"
        )
    return kind.load(path, sha256, shape, device)
