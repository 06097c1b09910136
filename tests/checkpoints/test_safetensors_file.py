"""Networks in safetensors files: the same network back, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints import safetensors_file
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
    assert "its argument model_type is 'UNet'; must be one of SongUNet, DhariwalUNet" in problem(path)
    write(state, init_kwargs=json.dumps({**kwargs, "model_channels": "many"}))
    assert "its argument model_channels is 'many'; must be a whole number from 4 to 32768" in problem(path)
    write(state, init_kwargs=json.dumps({**kwargs, "num_blocks": 900}))
    assert "blocks have only" in problem(path)  # at once: building it would take half a minute
    write(state, init_kwargs="[" * 100_000)
    assert "no valid class_name and init_kwargs" in problem(path)
    write({key: value for key, value in state.items() if "map_layer0" not in key})
    assert "the weights do not fit: its 'model.map_layer0.bias' is missing, and (64,) in" in problem(path)
    write({**state, "surplus": torch.zeros(1)})
    assert "its 'surplus' is (1,), and missing in its EDMPrecond" in problem(path)
    write({**state, "model.map_layer0.bias": torch.zeros(63)})
    assert "its 'model.map_layer0.bias' is (63,), and (64,) in its EDMPrecond" in problem(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert "not a readable safetensors file" in problem(path)


def test_limits_are_those_of_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read of a header that is too long, and no network of a million levels is begun."""
    path = tmp_path / "a.safetensors"
    kwargs = describe("tiny-song-vp-cond")["init_kwargs"]
    good = {"format": "bdia_edm denoiser", "class_name": "EDMPrecond"}

    def write(tensors: int, **metadata: str) -> None:
        entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
        header = json.dumps({"__metadata__": {**good, **metadata}, **{str(i): entry for i in range(tensors)}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header)

    write(1, init_kwargs=json.dumps({**kwargs, "channel_mult": [1] * 1_000_000, "num_blocks": 0}))
    assert "init_kwargs of 3000" in problem(path)
    write(1, init_kwargs=json.dumps({**kwargs, "channel_mult": [1] * 1_000, "num_blocks": 0}))
    assert "its argument channel_mult is [1, 1, " in problem(path)
    write(10_001, init_kwargs=json.dumps(kwargs))
    assert "it holds 10001 tensors; must be 10000 at most" in problem(path)
    write(1, init_kwargs=json.dumps(kwargs), note="x" * (5 << 20))
    monkeypatch.setattr(safetensors_file, "safe_open", lambda *_, **__: pytest.fail("it was opened"))
    assert "must be 4194304 at most" in problem(path)


def test_weights_are_floating_point(tmp_path: Path) -> None:
    path, state = tmp_path / "a.safetensors", dict(build("tiny-song-vp-cond").state_dict())
    state["model.map_layer0.bias"] = torch.zeros(64, dtype=torch.int64)
    kwargs = json.dumps(describe("tiny-song-vp-cond")["init_kwargs"])
    save_file(state, path, {"format": "bdia_edm denoiser", "class_name": "EDMPrecond", "init_kwargs": kwargs})
    assert "its model.map_layer0.bias is of type torch.int64; weights are floating-point" in problem(path)
