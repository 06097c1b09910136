"""python -m bdia_edm.generate, as a user calls it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from bdia_edm.base.options import options_of
from bdia_edm.config.generation_config import GenerationConfig
from tests.commands import run_apart, run_here
from tests.text_to_image.pipelines import PIPELINE


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a few prompts.txt"
    file.write_text("a red cat\na blue dog\n")
    return file


def test_in_a_process_of_its_own(prompts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"pipeline={PIPELINE}", f"prompts={prompts}", "sampler=ddim", "num_inference_steps=2", "seeds=0-2"]
    done = run_apart("generate", *given, "negative_prompt=ugly, (very) bad", "device=cpu", cwd=prompts.parent)
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert (record["sampler"]["name"], record["nfe"], record["num_images"]) == ("ddim", 4, 3)
    assert record["conditions"]["negative prompt"] == "ugly, (very) bad"
    (folder,) = (prompts.parent / "runs").iterdir()
    assert len(list(folder.glob("images/*/*.png"))) == 3
    # Its command makes the same run, which is not made again.
    module, *words = shlex.split(record["command"])[2:]
    assert module == "bdia_edm.generate"
    assert "sampler=ddim" in words
    again = run_here(capsys, "generate", *words)
    assert again.status == 0, again.err
    assert "done before" in again.err
    assert json.loads(again.out) == record
    # The same pipeline's other sampler, by a sweep of two values.
    both = run_here(capsys, "generate", "-m", *(word for word in words if "sampler=" not in word), "sampler=ddim,bdia")
    assert [json.loads(line)["labels"]["title"] for line in both.out.splitlines()] == ["DDIM", "BDIA"], both.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "pipeline: missing; it must be given"),
        (["prompts=x.txt"], "pipeline: missing; it must be given"),
        (["pipeline=nowhere"], "prompts: missing; it must be given"),
        (["pipeline=x", "prompts=nowhere.txt"], "prompts=nowhere.txt: no such file"),
        (["pipeline=x", "prompts=a few prompts.txt", "sampler=bida"], "sampler=bida: must be one of"),
        (["pipeline=x", "prompts=a few prompts.txt", "+sampler=bida"], "sampler=bida: must be one of"),
        (["pipeline=x", "prompts=a few prompts.txt", "sampler.gamma=1"], "sampler.gamma"),
        (["pipeline=x", "prompts=a few prompts.txt", "gama=1"], "gama=1: unknown option"),
        (["pipeline=no/such/thing", "prompts=a few prompts.txt"], "pipeline=no/such/thing: no such folder"),
    ],
)
def test_mistakes(prompts: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    done = run_here(capsys, "generate", *words)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith(f"error: {message}"), done.err
    assert done.err.count("\n") == 1


def test_help_tells_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    done = run_here(capsys, "generate", "--help")
    assert (done.status, done.err) == (0, "")
    for each, facts in options_of(GenerationConfig):
        assert f"  {each.name}=  {facts.words.split()[0]}" in done.out, each.name
