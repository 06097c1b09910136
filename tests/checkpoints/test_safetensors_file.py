"""Networks in safetensors files: the same network back, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.safetensors_file import load_weights, read_network, write_network
from bdia_edm.models.preconditioning import PRECONDITIONINGS
from tests.references import build, describe

NAMES = ["tiny-song-vp-cond", "tiny-adm-cond-iDDPMPrecond", "tiny-song-ve-uncond-VPPrecond"]


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_is_exact(name: str, tmp_path: Path) -> None:
    network, path = build(name), tmp_path / "a.safetensors"
    write_network(path, network, describe(name)["init_kwargs"], "denoiser", {"made_by": "a test"})
    stored = read_network(path, "denoiser")
    assert (stored.class_name, stored.notes) == (type(network).__name__, {"made_by": "a test"})
    again = load_weights(PRECONDITIONINGS, stored, path)
    assert not again.training
    assert not any(parameter.requires_grad for parameter in again.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value)
    x = torch.randn(2, network.img_channels, network.img_resolution, network.img_resolution)
    assert torch.equal(again(x, 0.5), network(x, 0.5))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]


def problem(path: Path) -> str:
    with pytest.raises(UserError) as error:
        load_weights(PRECONDITIONINGS, read_network(path, "denoiser"), path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    assert "no such file" in problem(path)
    kwargs = describe("tiny-song-vp-cond")["init_kwargs"]
    state = build("tiny-song-vp-cond").state_dict()
    good = {"format": "bdia_edm denoiser", "class_name": "EDMPrecond", "init_kwargs": json.dumps(kwargs)}

    def write(weights: dict[str, torch.Tensor], **metadata: str | None) -> None:
        save_file(weights, path, {key: value for key, value in {**good, **metadata}.items() if value is not None})

    write(state)
    assert load_weights(PRECONDITIONINGS, read_network(path, "denoiser"), path)
    write(state, format=None)
    assert "must say format 'bdia_edm denoiser', it says 'no format entry'" in problem(path)
    write(state, format="bdia_edm detector")
    assert "it says 'bdia_edm detector'" in problem(path)
    write(state, class_name="Linear")
    assert "class 'Linear' is unknown; known are EDMPrecond, " in problem(path)
    write(state, class_name=None)
    assert "no valid class_name and init_kwargs" in problem(path)
    write(state, init_kwargs="{")
    assert "no valid class_name and init_kwargs" in problem(path)
    write(state, init_kwargs="[]")
    assert "must be a JSON object" in problem(path)
    write(state, init_kwargs=json.dumps({**kwargs, "model_type": "UNet"}))
    assert "cannot be built from init_kwargs: model_type='UNet': must be one of" in problem(path)
    write(state, init_kwargs=json.dumps({**kwargs, "model_channels": "many"}))
    assert "cannot be built from init_kwargs" in problem(path)
    write(state, init_kwargs=json.dumps({**kwargs, "num_blocks": 2000}))
    assert "blocks have only" in problem(path)  # at once: building it would take half a minute
    write(state, init_kwargs="[" * 100_000)
    assert "no valid class_name and init_kwargs" in problem(path)
    write({key: value for key, value in state.items() if "map_layer0" not in key})
    assert "Missing key(s) in state_dict" in problem(path)
    write({**state, "surplus": torch.zeros(1)})
    assert "Unexpected key(s) in state_dict" in problem(path)
    write({**state, "model.map_layer0.bias": torch.zeros(63)})
    assert "size mismatch" in problem(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert "not a readable safetensors file" in problem(path)
