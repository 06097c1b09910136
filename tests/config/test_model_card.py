"""What all kinds of models have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.config.model_card import MODEL_KINDS, ModelCard, check_sha256
from bdia_edm.config.model_kinds.network import NetworkCard
from bdia_edm.detectors.pixels import PixelDetector


def test_the_kinds_are_found() -> None:
    assert {"gaussian_mixture", "network"} <= set(MODEL_KINDS.names())
    assert all(issubclass(MODEL_KINDS[name], ModelCard) for name in MODEL_KINDS.names())
    assert all(MODEL_KINDS[name].kind == name for name in MODEL_KINDS.names())


def test_checksums_have_a_form() -> None:
    check_sha256("model.sha256", None)
    check_sha256("model.sha256", "0aF" * 21 + "0")
    for wrong in ("12", "g" * 64, "0" * 63):
        with pytest.raises(UserError, match=rf"^model\.sha256={wrong}: must be 64 hexadecimal digits$"):
            check_sha256("model.sha256", wrong)


def test_the_reference_is_the_detectors() -> None:
    card = NetworkCard(name="d", path="embedded:digits.safetensors", reference="embedded:digits_reference.npz")
    assert NetworkCard(name="d", path="embedded:digits.safetensors").reference_file() is None
    with pytest.raises(UserError, match="made with the detector digits, and this run's is pixels"):
        card.load_reference(PixelDetector((1, 8, 8)))
    assert card.load(torch.device("cpu")).label_dim == 10


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", "", "a\nb", "\x1b[2J", "x" * 101])
def test_a_name_is_one_folders(name: str) -> None:
    """It begins the name of every run's folder, which must lie in results_dir."""
    with pytest.raises(UserError, match=r"^model\.name=.*: must be 1 to 100 printable characters without '/', "):
        NetworkCard(name=name, path="embedded:digits.safetensors")
    for fit in ("1_0", "ü v1.5 (mine)", "x" * 100):
        NetworkCard(name=fit, path="embedded:digits.safetensors")


def test_which_reference_is_a_detectors(tmp_path: Path) -> None:
    """What the card's own says decides; what says nothing is the first detector's."""
    own, pixels, unnamed = "embedded:digits_reference.npz", "embedded:digits_pixels_reference.npz", tmp_path / "a.npz"
    np.savez(unnamed, mu=np.zeros(2), sigma=np.eye(2))

    def of(detector: str, reference: str | None, is_first: bool = True, **others: str) -> str | None:
        files = tuple(others.items())
        card = NetworkCard(name="d", path="embedded:digits.safetensors", reference=reference, references=files)
        return card.reference_of(detector, is_first)

    assert of("digits", own, pixels=pixels) == own
    assert of("pixels", own, pixels=pixels) == pixels
    # The user's own reference of the pixels is not put aside for the card's.
    assert of("pixels", str(pixels), pixels="other.npz") == pixels
    assert of("pixels", None) is None
    assert of("pixels", None, pixels=pixels) == pixels
    url = "https://nowhere.example/ref.npz"
    assert of("inception_nvidia", url, dinov2="b.npz") == url
    assert of("dinov2", url, is_first=False, dinov2="b.npz") == "b.npz"
    assert of("inception", str(unnamed)) == str(unnamed)
    with pytest.raises(UserError, match=r"does not say whose features it is of, and model\.references has another"):
        of("pixels", str(unnamed), pixels=pixels)
    assert of("pixels", str(unnamed), is_first=False, pixels=pixels) == pixels
    for unknown in (url, str(unnamed)):
        with pytest.raises(UserError, match=r"^model\.references: none for detector=dinov2; \+model\.references="):
            of("dinov2", unknown, is_first=False)
