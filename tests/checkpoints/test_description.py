"""What network a file holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.description import describe_file, read_stored
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.safetensors_file import read_network, write_network
from bdia_edm.config.conf_folder import PACKAGE
from tests.references import REFERENCE

PICKLE = REFERENCE / "pickles" / "tiny-song-vp-cond.pkl"


def test_an_edm_pickle() -> None:
    facts = describe_file(PICKLE)
    card = json.loads((REFERENCE / "checkpoints" / "tiny-song-vp-cond.json").read_text())
    kwargs = card["init_kwargs"]
    assert (facts["what"], facts["class"], facts["network"]) == ("denoiser, EDM pickle", "EDMPrecond", "SongUNet")
    assert (facts["resolution"], facts["channels"]) == (kwargs["img_resolution"], kwargs["img_channels"])
    assert facts["labels"] == kwargs["label_dim"] == 3
    assert (facts["sigma_min"], facts["sigma_max"], facts["fp16"]) == (0, None, False)
    assert (facts["sha256"], facts["bytes"]) == (file_sha256(PICKLE), PICKLE.stat().st_size)
    state = read_stored(PICKLE).state_dict
    buffers = ("resample_filter", "freqs")
    assert facts["parameters"] == sum(v.numel() for name, v in state.items() if not name.endswith(buffers))
    json.dumps(facts, allow_nan=False)


def test_the_embedded_files() -> None:
    network = describe_file(PACKAGE / "assets" / "digits.safetensors")
    assert (network["what"], network["labels"], network["resolution"]) == ("denoiser, safetensors", 10, 8)
    assert network["notes"]["made_by"].startswith("scripts/train_digits.py")
    detector = describe_file(PACKAGE / "assets" / "digits_detector.safetensors")
    assert (detector["what"], detector["class"]) == ("detector, safetensors", "DigitsDetector")
    assert "resolution" not in detector
    weights = read_network(PACKAGE / "assets" / "digits_detector.safetensors", "detector").state_dict
    assert detector["parameters"] == sum(values.numel() for values in weights.values()) > 0


def test_a_denoiser_of_an_unknown_class_is_refused_and_a_detector_described(tmp_path: Path) -> None:
    for kind in ("denoiser", "detector"):
        write_network(tmp_path / kind, nn.Linear(3, 2), {}, kind)
    with pytest.raises(UserError, match=r"denoiser: class 'Linear' is unknown; known are EDMPrecond"):
        describe_file(tmp_path / "denoiser")
    facts = describe_file(tmp_path / "detector")
    assert (facts["what"], facts["class"], facts["parameters"]) == ("detector, safetensors", "Linear", 8)


@pytest.mark.parametrize("ending", [".pkl", ".safetensors", ".pt", ""])
def test_networks_are_told_by_their_content(ending: str, tmp_path: Path) -> None:
    for source, what in ((PICKLE, "EDM pickle"), (PACKAGE / "assets" / "digits.safetensors", "safetensors")):
        path = tmp_path / f"network{ending}"
        path.write_bytes(source.read_bytes())
        assert describe_file(path)["what"] == f"denoiser, {what}"
        assert read_stored(path).kind == "denoiser"


def test_what_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"garbage")
    with pytest.raises(
        UserError, match=r'a.pkl: a text; it begins with "garbage"; a network is needed: an EDM pickle or'
    ):
        describe_file(tmp_path / "a.pkl")
    with pytest.raises(UserError, match=r"digits_reference.npz: an npz with .*; a network is needed"):
        describe_file(PACKAGE / "assets" / "digits_reference.npz")
