"""What all kinds of models have in common."""

from __future__ import annotations

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
