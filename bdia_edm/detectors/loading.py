"""Loading a detector: one in memory for the same file, for as long as somebody uses it."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import torch

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import named
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.registry import DETECTORS

__all__ = ["load"]

_loaded: WeakValueDictionary[tuple[object, ...], Detector] = WeakValueDictionary()


def load(
    name: str, path: Path | None, sha256: str | None, shape: tuple[int, int, int], device: torch.device
) -> Detector:
    """The detector of the kind ``name`` for images of ``shape`` (C, H, W), on ``device``.

    The runs of a comparison share one; a file that was replaced is read anew.

    Args:
        path: its file; None for a kind that has none.
        sha256: the checksum that the user gave for the file.

    Raises:
        UserError: there is no such kind, the file is missing or not fit, its checksum is another, or missing where it
            must be given, or the detector does not take such images.
    """
    kind = DETECTORS[name]
    kind.check_shape(shape)
    if kind.needs_sha256 and sha256 is None:
        raise UserError(
            f"{named('detector.sha256')}: missing; a TorchScript file is a program, and only one whose checksum is "
            "given is run"
        )
    content = file_sha256(path) if path is not None and path.is_file() else None
    if content is not None and sha256 is not None and content != sha256.lower():
        pin = named("detector.sha256")
        raise UserError(f"{path}: its sha256 is {content}, {pin} is {sha256}; give its own to take this file")
    key = (kind, content, sha256, shape, device)
    detector = _loaded.get(key)
    if detector is None:
        detector = _loaded[key] = kind.load(path, sha256, shape, device)
    return detector
