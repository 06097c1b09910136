"""Commands under Hydra; what mistakes look like is in test_errors."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from submitit.core.utils import UncompletedJobError

from bdia_edm.base.errors import UserError
from bdia_edm.run.kinds import KINDS
from tests.commands import run_apart, run_here


def test_who_asks_for_the_traceback_gets_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError, match=r"sampler\.gamma=2"):
        run_here(capsys, "sample", "+model=digits", "sampler.gamma=2")
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def test_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    assert run_here(capsys, "sample", "+model=digits", "sampler.gamma=2").status == 2
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_hydras_own_help_works() -> None:
    shown = run_apart("sample", "+model=digits", "--cfg", "job")
    assert shown.status == 0
    assert "num_steps: ${model.settings.num_steps}" in shown.out


def test_a_sweeps_job_without_a_result_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """What the launcher of a sweep on Slurm raises where a job was killed."""
    report = "Job 3 (task: 0) with path r.pkl\nhas not produced any output (state: OUT_OF_MEMORY)\nError stream: ..."

    def ended(*_: object, **__: object) -> None:
        raise UncompletedJobError(report)

    monkeypatch.setattr("bdia_edm.config.hydra_command.hydra.main", ended)
    status, out, err = run_here(capsys, "sample", "+model=digits")
    assert (status, out) == (2, "")
    assert err.startswith("error: a job of the sweep left no result: Job 3 (task: 0) with path r.pkl; the logs of all")
    assert err.count("\n") == 1


def test_an_error_in_a_sweeps_job_is_for_its_launcher(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    with pytest.raises(UserError, match=r"sampler\.gamma=2"):
        run_here(capsys, "sample", "+model=digits", "sampler.gamma=2")


def test_hydras_own_options_may_stand_anywhere(tmp_path: Path, capsys: pytest.CaptureFixture, toys: Path) -> None:
    """Hydra itself takes them before or after all others only."""
    options = ["+model=grey", "--config-dir", str(toys), "modules=[tests.toys.toy_model]", f"results_dir={tmp_path}"]
    shown = run_here(capsys, "sample", *options[:3], *options[3:], "-m", "seeds=0-3,0-4")
    assert shown.status == 0, shown.err
    assert len(shown.out.splitlines()) == 2


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.\nframe")],
)
def test_too_little_memory_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Wherever it is met; in a block smaller batches are tried first."""

    def short(*_: object) -> None:
        raise error

    monkeypatch.setitem(KINDS, "sample", KINDS["sample"]._replace(prepare=short))
    status, out, err = run_here(capsys, "sample", "+model=digits")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: the memory is too small for it: ")


@pytest.mark.parametrize("word", ["", "-q", "-v"])
def test_quiet_and_verbose(word: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Anywhere on the command line; the run is the same."""
    rest = ["seeds=0-49", "model.reference_samples=100", "sampler.num_steps=2", "block_size=25"]
    rest.append(f"results_dir={tmp_path}")
    shown = run_here(capsys, "sample", "+model=gaussian_mixture", *([word] if word else []), *rest)
    assert shown.status == 0, shown.err
    lines = shown.err.splitlines()
    assert sum(" 50 of 50 images, " in line for line in lines) == (0 if word == "-q" else 1)
    assert sum(line.startswith("worker 0: ") for line in lines) == (2 if word == "-v" else 0)
    assert lines[-1].startswith("written: ")
    again = run_here(capsys, "sample", "+model=gaussian_mixture", *rest)
    assert again.err.startswith("done before: ")


def test_the_forgotten_plus(capsys: pytest.CaptureFixture) -> None:
    assert run_here(capsys, "sample", "model=digits").err == (
        "error: model=digits: a model is added with a plus sign: +model=digits\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hydra/launcher=nope"], "hydra/launcher=nope: unknown; there are basic, "),
        (["-m", "hydra/launcher=nope"], "hydra/launcher=nope: unknown; there are basic, "),
        (["-m", "hydra/sweeper=nope"], "hydra/sweeper=nope: unknown; there are basic"),
        (["-m", "hydra/launcher=slurm"], "hydra/launcher=slurm: there is no Slurm on this machine (srun is not found)"),
        (["-m", "--cfg", "job"], "--cfg: tells of one run; leave out -m"),
        (["-m", "--info=config"], "--info: tells of one run; leave out -m"),
        (["--cfg", "jobs"], "argument --cfg/-c: invalid choice: 'jobs' (choose from "),
        (["--resolve"], "The --resolve flag can only be used in conjunction with --cfg"),
        (["--nope"], "unrecognized arguments: --nope; --help"),
        (["--config-dir=nope"], "--config-dir: '"),
        (["--config-name=nope"], "--config-name: not taken here; --config-dir=FOLDER"),
        (["seeds=0-9"] * 100_000, "100,002 options; must be below 1,000"),
        (["hydra.searchpath=[file:///tmp]"], "hydra.searchpath=[file:///tmp]: not taken here; --config-dir=FOLDER"),
    ],
)
def test_what_hydra_takes_for_itself(
    words: list[str], message: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no srun there
    monkeypatch.chdir(tmp_path)
    option = "sampler.gamma=0.1,0.2" if "-m" in words else "seeds=0-9"
    done = run_here(capsys, "sample", "+model=digits", *words, option)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert done.err.startswith(f"error: {message}"), done.err


def test_a_bug_is_not_taken_for_the_users(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """What Hydra raises by itself is about options; what the task raises is not."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("bdia_edm.run.one_run.finish", broken)
    with pytest.raises(ZeroDivisionError):
        run_here(capsys, "sample", "+model=digits", "seeds=0-9")


def test_the_models_are_listed(capsys: pytest.CaptureFixture, toys: Path) -> None:
    """With size, published figure and licence; with those of one's own; where none was chosen too."""
    listed = run_here(capsys, "sample", "--list", f"--config-dir={toys}")
    assert (listed.status, listed.err) == (0, "")
    (line,) = re.findall(r"  cifar10  +(.*?)\n  \w", listed.out, re.DOTALL)
    assert " ".join(line.split()) == (
        "CIFAR-10 32×32, class-conditional, VP (DDPM++), 55.7 M parameters; FID 1.79 (edm, 18 steps, 35 evaluations); "
        "licence CC BY-NC-SA 4.0"
    )
    assert "images of one grey" in listed.out
    assert run_here(capsys, "sample", f"--config-dir={toys}").err.endswith(f"one of\n{listed.out}")


def test_a_record_of_ones_own_cards_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From anywhere: the command names the folder of cards."""
    (tmp_path / "my cards" / "model").mkdir(parents=True)
    (tmp_path / "my cards" / "experiment").mkdir()
    card = "defaults: [gaussian_mixture, _self_]\nname: mine=é\nreference_samples: 50\nsettings: {num_steps: 3}\n"
    (tmp_path / "my cards" / "model" / "mine.yaml").write_text(card)
    experiment = "# @package _global_\nblock_size: 7\ngrid: [{sampler: edm}, {sampler: euler, num_steps: 2}]\n"
    (tmp_path / "my cards" / "experiment" / "two.yaml").write_text(experiment)
    monkeypatch.chdir(tmp_path)
    options = ["--config-dir", "my cards", "+model=mine", "seeds=0-9", f"results_dir={tmp_path}/a=b"]
    assert run_here(capsys, "sample", *options).status == 0
    assert run_here(capsys, "compare", *options, "experiment=two").status == 0
    records = [json.loads(path.read_text()) for path in (tmp_path / "a=b").glob("*/record.json")]
    assert len(records) == 3
    monkeypatch.chdir("/")
    for record in records:
        _, _, module, *words = shlex.split(record["command"])
        assert module == "bdia_edm.sample"
        again = run_here(capsys, "sample", *words)
        assert again.err.startswith("done before: ")
        assert json.loads(again.out) == record
