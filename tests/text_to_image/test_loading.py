"""Pipelines from folders: read once, known by their files' checksum, and no code of theirs run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.loading import load_pipeline
from bdia_edm.text_to_image.scheduler import BDIAScheduler
from tests.text_to_image.pipelines import PIPELINE

CPU = torch.device("cpu")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PIPELINE, tmp_path / "pipeline"))


def change_index(folder: Path, **values: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64"])
def test_all_networks_have_the_type(name: str) -> None:
    pipe, _ = load_pipeline(str(PIPELINE), CPU, name)
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {getattr(torch, name)}
    assert not any(weight.requires_grad for weight in pipe.unet.parameters())


def test_auto_is_float32_on_a_cpu_and_it_is_loaded_once() -> None:
    pipe, checksum = load_pipeline(str(PIPELINE), CPU)
    assert pipe.unet.dtype == torch.float32
    again, same = load_pipeline(f"{PIPELINE}/", CPU, "float32")
    assert again is pipe
    assert same == checksum


def test_the_checksum_is_of_the_weights_and_the_configuration(copy: Path) -> None:
    first = load_pipeline(str(copy), CPU)[1]
    assert first == load_pipeline(str(PIPELINE), CPU)[1]
    # Files that are not read change nothing.
    (copy / "README.md").write_text("words")
    (copy / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another variant")
    assert load_pipeline(str(copy), CPU)[1] == first
    config = copy / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"steps_offset": 1', '"steps_offset": 0'))
    second = load_pipeline(str(copy), CPU)[1]
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert len({first, second, load_pipeline(str(copy), CPU)[1]}) == 3


def test_a_pipeline_with_our_scheduler_is_read(tmp_path: Path) -> None:
    pipe = StableDiffusionPipeline.from_pretrained(PIPELINE, local_files_only=True)
    pipe.scheduler = BDIAScheduler.from_config(pipe.scheduler.config, gamma=0.25)
    pipe.save_pretrained(tmp_path)
    found, _ = load_pipeline(str(tmp_path), CPU)
    assert found.scheduler.config.gamma == 0.25


def test_no_code_of_a_pipeline_is_run(copy: Path) -> None:
    change_index(copy, unet=["my_unet", "MyUNet"])
    (copy / "unet" / "my_unet.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(UserError, match=r"its unet is my_unet\.MyUNet; must be a class of diffusers or transformers"):
        load_pipeline(str(copy), CPU)
    change_index(copy, unet=["diffusers", "UNet2DConditionModel"])
    with pytest.raises(UserError, match=r"unet/my_unet\.py: no code of a pipeline is run"):
        load_pipeline(str(copy), CPU)


def test_weights_are_safetensors_alone(copy: Path) -> None:
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match=r"pipeline=.*: cannot be read: "):
        load_pipeline(str(copy), CPU)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("/no/such", "pipeline=/no/such: no such folder; must be one that save_pretrained wrote"),
        ("no_such", "pipeline=no_such: no such folder"),
        ("nobody/no-such-model", "as a hub id it is not in HuggingFace's cache and cannot be fetched"),
        (str(PIPELINE / "unet"), "no pipeline of diffusers: model_index.json: no such file"),
    ],
)
def test_what_is_no_pipeline_is_one_line(where: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError) as caught:
        load_pipeline(where, CPU)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", '{"_class_name": "os"}', '{"_class_name": ["mine", "Mine"]}'])
def test_a_damaged_index_is_one_line(text: str, copy: Path) -> None:
    (copy / "model_index.json").write_text(text)
    with pytest.raises(UserError, match="pipeline of diffusers"):
        load_pipeline(str(copy), CPU)
