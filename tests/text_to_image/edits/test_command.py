"""python -m bdia_edm.edit pipeline=...: as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bdia_edm.text_to_image.edits.command import texts_as_typed
from bdia_edm.text_to_image.method import METHODS
from tests.commands import run_apart, run_here
from tests.text_to_image.edits.pictures import write_picture
from tests.text_to_image.pipelines import PIPELINE

PROMPT = "a red cat, 'sitting': on {a} mat = nice"


def words(folder: Path, *more: str) -> list[str]:
    picture = write_picture(folder / "a picture.png", 0)
    usual = [f"pipeline={PIPELINE}", f"image={picture}", f"prompt={PROMPT}", f"results_dir={folder / 'runs'}"]
    return [*usual, "num_inference_steps=3", "strength=1", *more]


def test_as_a_user_does(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_apart("edit", *words(tmp_path, "edit=a dog, running"))
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["config"]["prompt"] == PROMPT
    assert record["config"]["edit"] == "a dog, running"
    assert record["task"] == "edit_pictures"
    assert record["model"] == "tiny_pipeline"
    assert len(done.err.splitlines()) == 2, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("tiny_pipeline-edit-bdia-3steps-gamma0.94-guidance3-strength1-")
    again = run_here(capsys, "edit", *words(tmp_path, "edit=a dog, running"))
    assert again.out == done.out
    assert "done before" in again.err


def test_methods_in_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "edit", "-m", *words(tmp_path, "method=bdia,ddim", "guidance_scale=1"))
    assert done.status == 0, done.err
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["sampler"]["name"] for record in records] == ["bdia", "ddim"]
    assert [record["nfe"] for record in records] == [5, 6]
    assert records[0]["metrics"]["roundtrip_latent_rms"] < 1e-12 < records[1]["metrics"]["roundtrip_latent_rms"]


def test_the_help(capsys: pytest.CaptureFixture) -> None:
    own = run_here(capsys, "edit", "--help", "pipeline=x").out
    for name in ("pipeline", "image", "strength", "network_dtype", "gamma", "inner_steps", "block_size"):
        assert f"\n  {name}=  " in own
    for name in METHODS.names():
        assert f"\nmethod={name}: " in own
    assert max(map(len, own.splitlines())) <= 130
    assert "With pipeline= pictures are edited" in run_here(capsys, "edit", "--help").out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "image: missing; it must be given"),
        (["image=x.png", "prompt=x", "gama=1"], "gama=1: unknown option"),
        (["image=x.png", "prompt=x", "gamma=2"], "gamma=2.0: must be from 0 to 1"),
        (["image=x.png", "prompt=x"], "image=x.png: no such file or folder"),
    ],
)
def test_mistakes_are_one_line(more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done = run_here(capsys, "edit", f"pipeline={PIPELINE}", f"results_dir={tmp_path}", *more)
    assert done.status == 2
    assert said in done.err
    assert done.err.count("\n") == 1, done.err


def test_prompts_and_paths_are_texts_whatever_is_in_them() -> None:
    given = ["prompt=a, b", "edit='a, b'", "edit=null", "gamma=1,2", "prompt=1", "negative_prompt=", "image=a (1).png"]
    wanted = ["prompt='a, b'", "edit='a, b'", "edit=null", "gamma=1,2", "prompt='1'", "negative_prompt=''"]
    assert texts_as_typed(given) == [*wanted, "image='a (1).png'"]
    assert texts_as_typed(["image=[a.png,b.png]", "pipeline"]) == ["image=[a.png,b.png]", "pipeline"]
