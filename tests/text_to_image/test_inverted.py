"""Inverted pictures in files: one inversion, many edits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image import Inverted, edit, invert
from tests.text_to_image.pipelines import given, pipeline


@pytest.fixture(scope="module")
def found() -> Inverted:
    asked = {"num_inference_steps": 4, "strength": 1.0, "gamma": 1.0, "arithmetic": "grid"}
    return invert(pipeline(torch.float32), given("image").numpy(), "a red cat", **asked)


def test_a_saved_inversion_edits_as_the_one_in_memory(found: Inverted, tmp_path: Path) -> None:
    path = tmp_path / "cat.safetensors"
    found.save(path)
    back = Inverted.load(path)
    assert back.method == found.method
    assert back.settings == found.settings
    assert back.levels == found.levels
    assert back.kept.states.equal(found.kept.states)
    assert (back.picture == found.picture).all()
    assert (back.vae_picture == found.vae_picture).all()
    pipe = pipeline(torch.float32)
    for prompt in (None, "a blue dog", "a tree"):
        assert edit(pipe, back, prompt).latent.equal(edit(pipe, found, prompt).latent)
    assert [each.name for each in tmp_path.iterdir()] == ["cat.safetensors"]


def test_null_texts_embeddings_are_kept(tmp_path: Path) -> None:
    pipe = pipeline(torch.float32)
    options: dict[str, Any] = {"method": "null_text", "num_inference_steps": 2, "inner_steps": 1}
    found = invert(pipe, given("image").numpy(), "a red cat", **options)
    found.save(tmp_path / "cat.safetensors")
    back = Inverted.load(tmp_path / "cat.safetensors")
    assert found.kept.negatives is not None
    assert found.kept.negatives.shape == (2, 77, 32)
    assert edit(pipe, back, "a dog").latent.equal(edit(pipe, found, "a dog").latent)


def test_the_autoencoders_own_error_is_told(found: Inverted) -> None:
    error = (found.picture.astype(float) - found.vae_picture) ** 2
    assert found.vae_rms == pytest.approx(error.mean() ** 0.5)
    assert found.vae_rms > 0
    assert 255 / 10 ** (found.vae_psnr / 20) == pytest.approx(found.vae_rms)
    assert found.deviation == pytest.approx(float(found.kept.states[0].numpy().std()))


def test_other_files_are_refused(found: Inverted, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(UserError, match="not a readable inverted picture"):
        Inverted.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a readable inverted picture"):
        Inverted.load(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(UserError, match=r"a file that Inverted.save wrote"):
        Inverted.load(path)
    found.save(path)
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    for name in ("levels", "states", "picture"):
        damaged = tensors[name].float()[..., :2].contiguous()
        save_file({**tensors, name: damaged}, path, metadata)
        with pytest.raises(UserError, match="damaged inverted picture"):
            Inverted.load(path)
    for name, damage in (
        ("picture", tensors["picture"].permute(2, 0, 1)),
        ("vae_picture", tensors["vae_picture"][:-1]),
        ("states", tensors["states"][:1]),
        ("states", tensors["states"] / 0),
        ("latent", tensors["latent"].float()),
        ("negatives", torch.zeros(4, 77, 32)),
    ):
        save_file({**tensors, name: damage.contiguous()}, path, metadata)
        with pytest.raises(UserError, match="a damaged inverted picture: its arrays do not fit"):
            Inverted.load(path)
    for name, text in (
        ("settings", "{}"),
        ("settings", "["),
        ("settings", "[" * 100_000),
        ("options", '{"gamma": 7}'),
        ("method", "none"),
    ):
        save_file(tensors, path, {**metadata, name: text})
        with pytest.raises(UserError, match=f"{path}: a damaged inverted picture"):
            Inverted.load(path)
