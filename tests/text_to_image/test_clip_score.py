"""Scores of pictures with their prompts, by a tiny random CLIP."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image import measuring_models
from bdia_edm.text_to_image.clip_score import ClipScore, load_clip
from tests.text_to_image.tiny_clip import save_tiny_clip

CPU = torch.device("cpu")
PROMPTS = ["a red cat", "a photo of a blue dog", "", "a tree"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip")
    save_tiny_clip(path)
    return path


@pytest.fixture(scope="module")
def clip(folder: Path) -> ClipScore:
    return load_clip(str(folder), CPU)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def test_scores_are_the_networks_cosines(folder: Path, clip: ClipScore) -> None:
    """By hand: pixels normalised as CLIP's are, ids of the tokenizer, both towers, projections."""
    model = CLIPModel.from_pretrained(folder)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])
    pixels = ((torch.from_numpy(pictures(4)) / 255 - mean) / std).permute(0, 3, 1, 2)
    images = model.visual_projection(model.vision_model(pixels).pooler_output)
    texts = []
    for prompt in PROMPTS:
        ids = torch.tensor([clip._processor.tokenizer(prompt).input_ids])
        # The embedding is that of the first end token.
        states = model.text_model(input_ids=ids).last_hidden_state
        texts.append(model.text_projection(states[0, -1]))
    cosines = [float(a @ b / a.norm() / b.norm()) for a, b in zip(images, texts, strict=True)]
    assert min(cosines) < 0 < max(cosines)
    assert clip(pictures(4), PROMPTS) == pytest.approx([100 * max(each, 0) for each in cosines], abs=1e-4)


def test_scores_do_not_depend_on_company(clip: ClipScore) -> None:
    many, prompts = pictures(40), (PROMPTS * 10)[:40]
    together = clip(many, prompts)
    assert together.shape == (40,)
    assert together.dtype == np.float64
    for index in (0, 31, 32, 39):
        (alone,) = clip(many[index : index + 1], prompts[index : index + 1])
        assert together[index] == pytest.approx(alone, abs=1e-4)
    assert clip(many[:0], []).shape == (0,)


def test_any_size_of_picture(clip: ClipScore) -> None:
    wide = np.repeat(np.repeat(pictures(1), 3, axis=1), 5, axis=2)
    assert 0 <= clip(wide, ["a tree"])[0] <= 100
    # Three rows are no three channels.
    assert 0 <= clip(np.ascontiguousarray(wide[:, :3]), ["a tree"])[0] <= 100


def test_the_checksum_is_of_the_files(folder: Path, clip: ClipScore, tmp_path: Path) -> None:
    assert load_clip(str(folder), CPU) is clip
    save_tiny_clip(tmp_path)
    assert load_clip(str(tmp_path), CPU).checksum == clip.checksum
    save_tiny_clip(tmp_path, seed=1)
    assert load_clip(str(tmp_path), CPU).checksum != clip.checksum


def test_bad_input(folder: Path, clip: ClipScore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"clip: the prompt cat cat .* has 102 tokens .*; must be 77 at most"):
        clip(pictures(1), ["cat " * 100])
    with pytest.raises(ValueError, match="2 prompts"):
        clip(pictures(1), ["a", "b"])
    with pytest.raises(
        UserError, match=r"^clip=.*none: no such folder; must be one that save_pretrained wrote, or a hub"
    ):
        load_clip(str(tmp_path / "none"), CPU)
    with pytest.raises(UserError, match=r"no model of transformers: config.json: FileNotFoundError"):
        load_clip(str(tmp_path), CPU)
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    with pytest.raises(UserError, match="a model of type bert; must be clip"):
        load_clip(str(tmp_path), CPU)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="cannot be read"):
        load_clip(str(tmp_path), CPU)
    weights = load_file(folder / "model.safetensors")
    del weights["text_projection.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"weights are missing: text_projection.weight, 1 in all"):
        load_clip(str(tmp_path), CPU)

    def unreachable(*_: object, **__: object) -> str:
        raise OSError("no route\nto host")

    monkeypatch.setattr(measuring_models, "snapshot_download", unreachable)
    with pytest.raises(UserError, match=r"^clip=nobody/nothing: .* \(is there internet\?\): no route to host$"):
        load_clip("nobody/nothing", CPU)
