"""Structure distances by tiny vision transformers with random weights, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BitImageProcessor, Dinov2Config, Dinov2Model, ViTConfig, ViTImageProcessor, ViTModel

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.structure_distance import load_structure

CPU = torch.device("cpu")
TOWER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16, "patch_size": 4}


def save_tiny_vit(folder: Path, kind: str = "vit") -> None:
    torch.manual_seed(1)
    if kind == "vit":
        model = ViTModel(ViTConfig(**TOWER, intermediate_size=32, initializer_range=0.3), add_pooling_layer=False)
        processor = ViTImageProcessor(size={"height": 16, "width": 16})
    else:
        model = Dinov2Model(Dinov2Config(**TOWER, mlp_ratio=2, initializer_range=0.3))
        processor = BitImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["vit", "dinov2"])
def test_it_is_a_distance_of_pictures(kind: str, tmp_path: Path) -> None:
    save_tiny_vit(tmp_path, kind)
    distance = load_structure(str(tmp_path), CPU)
    a, b = pictures(3), pictures(3, seed=1)
    assert (distance(a, a) == 0).all()
    found = distance(a, b)
    assert found.shape == (3,)
    assert (found > 1e-6).all()
    assert (found < 4).all()
    assert (distance(b, a) == found).all()
    # Nearly the same picture is nearer.
    assert (distance(a, a ^ 1) < found / 10).all()
    assert distance(a[:1], b[:1]) == found[:1]
    assert len(distance(a[:0], b[:0])) == 0


def test_by_hand(tmp_path: Path) -> None:
    """The last layer's keys, by its own weights, from the hidden states that go into it."""
    save_tiny_vit(tmp_path)
    a, b = pictures(2)
    model = ViTModel.from_pretrained(tmp_path, add_pooling_layer=False)
    weights = {name: value for name, value in model.state_dict().items() if ".1." in name}
    (key,) = (name.removesuffix(".weight") for name in weights if name.endswith(("key.weight", "k_proj.weight")))

    def structure(picture: np.ndarray) -> torch.Tensor:
        pixels = (torch.from_numpy(picture) / 255 - 0.5).permute(2, 0, 1)[None] / 0.5
        states = model(pixels, output_hidden_states=True).hidden_states[1]
        (norm,) = (name for name in weights if "layernorm_before.weight" in name)
        normed = torch.nn.functional.layer_norm(
            states, (16,), weights[norm], weights[norm.replace("weight", "bias")], model.config.layer_norm_eps
        )
        keys = normed[0] @ weights[f"{key}.weight"].T + weights[f"{key}.bias"]
        assert keys.shape == (17, 16)
        return torch.nn.functional.cosine_similarity(keys[:, None], keys[None], dim=-1)

    wanted = float((structure(a) - structure(b)).square().mean())
    assert load_structure(str(tmp_path), CPU)(a[None], b[None]) == pytest.approx([wanted], rel=1e-4)


def test_bad_input(tmp_path: Path) -> None:
    save_tiny_vit(tmp_path)
    distance = load_structure(str(tmp_path), CPU)
    assert load_structure(str(tmp_path), CPU) is distance
    with pytest.raises(ValueError, match="others"):
        distance(pictures(2), pictures(3))
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match=r"^structure=.*: cannot be read: "):
        load_structure(str(tmp_path), CPU)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(UserError, match="a model of type clip; must be vit or dinov2"):
        load_structure(str(tmp_path), CPU)
