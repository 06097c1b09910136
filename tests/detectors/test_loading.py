"""A detector is what its file holds now, and goes with its last user."""

from __future__ import annotations

import gc
import hashlib
import weakref
from pathlib import Path

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.detectors.digits import DigitsDetector
from bdia_edm.detectors.loading import load

CPU = torch.device("cpu")


def write(path: Path, seed: int) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        write_network(path, DigitsDetector(4, 6), {"width": 4, "features": 6}, "detector")
    return path


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", 0)
    first = load("digits", path, None, (1, 8, 8), CPU)
    assert first.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    second = load("digits", write(path, 1), None, (1, 8, 8), CPU)
    assert second.checksum != first.checksum
    images = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8)
    assert not torch.equal(second(images), first(images))


def test_it_is_forgotten_with_its_last_user(tmp_path: Path) -> None:
    detector = load("digits", write(tmp_path / "a.safetensors", 0), None, (1, 8, 8), CPU)
    seen = weakref.ref(detector)
    del detector
    gc.collect()
    assert seen() is None


def test_a_program_without_a_checksum_is_not_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"detector\.sha256: missing; a TorchScript file is a program"):
        load("inception_nvidia", tmp_path / "none.pt", None, (3, 8, 8), CPU)
